"""A small dataset of one's own: real repositories with a bug per task, hidden tests, and an endpoint that knows the fixes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from envs.datasets.values import Record
from envs.errors import PatchRejected
from envs.grading.values import Gold, Grade, Grader
from envs.snapshot import take_snapshot
from envs.values import Image, Issue, Patch, Task
from envs.workspace import open_workspace
from sandbox.choose import choose
from sandbox.errors import SandboxLost
from sandbox.values import SandboxSpec, Value
from tests.agent.models.server import Answer, Seen, completion
from winnow.eval.values import Site
from winnow.settings import Settings

GOOD = {
    "total": "    return sum(prices)\n",
    "highest": "    return max(prices)\n",
    "average": "    return sum(prices) / len(prices)\n",
    "spread": "    return max(prices) - min(prices)\n",
}
BAD = {
    "total": "    return -sum(prices)\n",
    "highest": "    return min(prices)\n",
    "average": "    return sum(prices) / (len(prices) + 1)\n",
    "spread": "    return max(prices) + min(prices)\n",
}
EXPECTED = {"total": "12", "highest": "8", "average": "4", "spread": "7"}
"""Of the prices 8, 1 and 3."""


def source(broken: str) -> str:
    return "\n\n".join(f"def {name}(prices):\n{(BAD if name == broken else GOOD)[name]}" for name in GOOD)


def run_git(folder: Path, *argv: str) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", *who, *argv], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout


def make_dataset(folder: Path, *, canary: str = "") -> tuple[tuple[Record, ...], dict[str, Gold]]:
    """A repository with a commit per bug, which only hidden tests show; `canary` goes into every field of the gold."""
    upstream = folder / "upstream"
    upstream.mkdir(parents=True)
    run_git(upstream, "init", "-q", "-b", "main")
    (upstream / "tests").mkdir()
    (upstream / "tests/there.py").write_text("import prices\n\nassert prices.total([]) == 0\n")
    records, gold = [], {}
    for name in GOOD:
        (upstream / "prices.py").write_text(source(name))
        run_git(upstream, "add", "-A")
        run_git(upstream, "commit", "-qm", f"Break {name}")
        base = run_git(upstream, "rev-parse", "HEAD").strip()
        (upstream / "prices.py").write_text(source("") + (f"\n# {canary}\n" if canary else ""))
        reference = run_git(upstream, "diff")
        run_git(upstream, "checkout", "-q", "--", ".")
        test = (
            f"import prices\n\n\ndef test_hidden{canary}():\n    assert prices.{name}([8, 1, 3]) == {EXPECTED[name]}\n"
        )
        hidden = "".join(f"+{line}\n" for line in test.splitlines())
        path, count = f"tests/test_hidden{canary}.py", len(test.splitlines())
        diff = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{count} @@\n{hidden}"
        issue = Issue(
            title=f"{name}() is wrong", body=f"`{name}([8, 1, 3])` should be {EXPECTED[name]}.", source="text"
        )
        task = Task(id=f"ada__prices-{name}", issue=issue)
        records.append(Record(task=task, repository=f"ada/{name}", base_commit=base))
        gold[task.id] = Gold(
            task_id=task.id,
            patch=Patch(diff=reference),
            test_patch=Patch(diff=diff),
            fail_to_pass=(f"{path}::test_hidden{canary}",),
            pass_to_pass=("tests/there.py", *([f"tests/test_{canary}.py::x"] if canary else [])),
            eval_script=f"python -m pytest {path} # {canary}",
            log_parser=f"parse_log{canary}",
        )
    kept = {"records": [one.model_dump() for one in records], "gold": {k: v.model_dump() for k, v in gold.items()}}
    (folder / "dataset.json").write_text(json.dumps(kept))
    return tuple(records), gold


def read_dataset(folder: Path) -> tuple[tuple[Record, ...], dict[str, Gold]]:
    """The same again, for another process."""
    kept = json.loads((folder / "dataset.json").read_text())
    gold = {name: Gold.model_validate(value) for name, value in kept["gold"].items()}
    return tuple(map(Record.model_validate, kept["records"])), gold


def robot(seen: Seen) -> Answer:
    """Reads the issue out of the conversation, looks, mends what it names and submits; needs no memory of its own."""
    text = json.dumps(seen.body["messages"])
    said = sum(message["role"] == "assistant" for message in seen.body["messages"])
    tools = {tool["function"]["name"] for tool in seen.body.get("tools", [])}
    broken = next((name for name in GOOD if f"{name}() is wrong" in text), "total")
    if not tools:
        return completion("[]")
    if said == 0:
        return completion("I look.", ("shell", json.dumps({"command": "cat prices.py; ls tests"})))
    if said == 1:
        edit = {"path": "prices.py", "old": BAD[broken], "new": GOOD[broken]}
        return completion("", ("edit", json.dumps({"edits": [edit]})))
    return completion("", ("submit", json.dumps({"summary": f"Mend {broken}.", "waiver": "There is no test of it."})))


class ToyGrader:
    """Applies the patch, then the hidden tests, in a fresh sandbox."""

    def __init__(self, made: "Toys") -> None:
        self._made = made

    def grade(self, record: Record, gold: Gold, patch: Patch) -> Grade:
        folder = Path(self._made.folder, "grading", f"{record.task.id}-{os.getpid()}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._made.site(record, folder / "tree")
        snapshot = take_snapshot(folder / "tree", folder)
        image = Image(reference=None, python="/usr/bin/python3", workdir="/work", digest="system")
        name = gold.fail_to_pass[0].rpartition("::")[2]
        with open_workspace(choose(self._made.kind), image, snapshot, limits=SandboxSpec(), run_id="g") as workspace:
            try:
                workspace.apply(patch)
            except PatchRejected as error:
                return Grade(task_id=record.task.id, status="not_applied", reason=str(error))
            workspace.apply(gold.test_patch)
            code = f"import sys; sys.path += ['tests']; import {name}; {name}.{name}()"
            done = workspace.box.exec(["python3", "-c", code], timeout=30)
        shutil.rmtree(folder)
        return Grade(task_id=record.task.id, status="resolved" if done.ok else "unresolved", reason=done.err[-200:])


class Toys(Value):
    """`Sites` and `Graders` over one upstream repository."""

    folder: str
    """For marks and for grading."""
    upstream: str
    kind: Literal["docker", "bubblewrap", "unshare", "host"]
    broken_first: int = 0
    """So many sites per task fail before one can be had."""
    dies: str = ""
    """Its worker dies at this task, each time."""

    def site(self, record: Record, folder: Path) -> Site:
        marks = Path(self.folder, "marks", record.task.id)
        marks.mkdir(parents=True, exist_ok=True)
        if record.task.id == self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        before = len(list(marks.iterdir()))
        if before < self.broken_first and folder.name == "checkout":
            (marks / str(before)).touch()
            raise SandboxLost("the machine went away")
        if not folder.exists():
            draft = folder.with_name(f"draft-{os.getpid()}")
            draft.mkdir()
            packed = subprocess.run(
                ["git", "archive", record.base_commit], cwd=self.upstream, check=True, capture_output=True
            )
            subprocess.run(["tar", "x"], cwd=draft, input=packed.stdout, check=True)
            run_git(draft, "init", "-q", "-b", "main")
            run_git(draft, "add", "-A")
            run_git(draft, "commit", "-qm", "base")
            draft.rename(folder)
        return Site(
            settings={
                "image": {"python": sys.executable},
                "suite": {"command": "env PYTHONPATH=. python3 tests/there.py"},
            },
        )

    @contextmanager
    def grader(self) -> Iterator[Grader]:
        yield ToyGrader(self)


def settings_for(folder: Path, cache: Path, kind: str, url: str, **sections: dict[str, Any]) -> Settings:
    """The tree of a batch with the robot behind it."""
    tree: dict[str, dict[str, Any]] = {
        "run": {"trajectories": 1, "cache_dir": cache, "workers": 1},
        "model": {"names": ["robot"], "base_url": url, "prices": {"robot": (1, 0.1, 2)}},
        "agent": {"strategies": ["react"]},
        "selection": {"judge": 0, "compare": 0, "distinguish": 0, "writers": 0},
        "sandbox": {"kind": kind},
        "eval": {"out": folder / "batch", "workers": 2},
    }
    for section, values in sections.items():
        tree.setdefault(section, {}).update(values)
    return Settings.model_validate(tree)
