"""Run a snippet on a tree and say what it means."""

import json
import re
import uuid
from importlib import resources
from typing import Literal

from pydantic import ValidationError

from envs.snippets.values import Snippet, SnippetRun
from envs.suite.run import DETERMINISM
from envs.values import Image
from envs.workspace import Workspace

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")
_SPACE = re.compile(r"\s+")


def run_snippet(workspace: Workspace, snippet: Snippet, image: Image, *, timeout_s: float = 60.0) -> SnippetRun:
    """Run a snippet in the tree as it is, in a process of its own.

    Raises:
        SandboxError: the machine is at fault.
    """
    box = workspace.box
    made = box.exec(("mktemp", "-d"), timeout=60)
    folder = made.out.strip()
    if not made.ok or not folder.startswith("/"):
        return SnippetRun(status="broken", message=f"no temporary folder: {made.err}")
    script, steps, result = f"{folder}/run_snippet.py", f"{folder}/steps.json", f"{folder}/{uuid.uuid4().hex}"
    asked = {"steps": [step.code for step in snippet.steps], "preludes": list(snippet.preludes)}
    try:
        box.write(script, resources.files("envs.snippets.inside").joinpath("run_snippet.py").read_bytes())
        box.write(steps, json.dumps(asked).encode())
        # The tree comes first among the places of modules, as in an interactive session that was started there.
        env = {**DETERMINISM, "PYTHONPATH": box.workdir}
        ran = box.exec((image.python, script, steps, result), timeout=timeout_s, env=env)
        if ran.timed_out:
            return SnippetRun(status="timed_out")
        return SnippetRun.model_validate_json(box.read(result, max_bytes=1 << 20))
    except (OSError, ValidationError):
        return SnippetRun(status="raised", exception="died", message="the interpreter ended without a word")
    finally:
        box.exec(("rm", "-rf", folder), timeout=60)


def shows(snippet: Snippet, base: SnippetRun) -> bool:
    """Whether a run on base shows the very problem that the issue describes, so that the snippet may judge patches.

    That is so when it raises the exception that the issue reports, or prints what the issue shows where that is not what it
    asks for. A snippet that just runs through says nothing.
    """
    if base.status == "raised":
        return bool(snippet.exception) and base.exception == snippet.exception
    if base.status == "timed_out":
        return False
    return base.status == "ended" and _shown_as_is(snippet, base) and not _as_wanted(snippet, base)


def judge(snippet: Snippet, base: SnippetRun, run: SnippetRun) -> Literal["present", "fixed", "unknown"]:
    """Say what a run with a patch means, given the run on base that shows the problem.

    Only what is clear counts: the same exception or output is the problem; output where the exception was, or what the issue
    asks for, is its end. Another exception, or other output of which nobody knows whether it is right, is unknown.
    """
    if run.status in ("broken", "timed_out"):
        return "unknown"
    if base.status == "raised":
        if run.status == "ended":
            return "fixed"
        same = run.exception == base.exception and _plain(run.message) == _plain(base.message)
        return "present" if same else "unknown"
    if run.status == "raised":
        return "unknown"
    if snippet.wanted:
        return "fixed" if _as_wanted(snippet, run) else "present" if run.outputs == base.outputs else "unknown"
    return "present" if list(map(_plain, run.outputs)) == list(map(_plain, base.outputs)) else "unknown"


def _shown_as_is(snippet: Snippet, run: SnippetRun) -> bool:
    """Whether at least one output stands in the issue, and none contradicts it."""
    pairs = [
        (step.shown, output) for step, output in zip(snippet.steps, run.outputs, strict=False) if step.shown is not None
    ]
    return bool(pairs) and all(_plain(shown) == _plain(output) for shown, output in pairs)


def _as_wanted(snippet: Snippet, run: SnippetRun) -> bool:
    """Whether some output is what the issue asks for."""
    wanted = {_plain(text) for text in snippet.wanted}
    return any(_plain(output) in wanted for output in run.outputs if output.strip())


def _plain(text: str) -> str:
    """Without addresses, and with single spaces."""
    return _SPACE.sub(" ", _ADDRESS.sub("0x", text)).strip()
