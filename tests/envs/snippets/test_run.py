"""Running snippets in a real sandbox, and what their runs mean."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from envs.snapshot import take_snapshot
from envs.snippets import Snippet, SnippetRun, Step, find_snippets, judge, run_snippet, shows
from envs.values import Image
from envs.workspace import Workspace, open_workspace
from sandbox.choose import choose
from sandbox.values import SandboxSpec

BUG = b"def total(prices):\n    if prices is None:\n        raise TypeError('no prices')\n    return -sum(prices)\n"
SESSION = "```python\n>>> from shop import total\n>>> total([1, 2])\n-3\n```\nIt should be `3`."
CRASH = (
    "```python\nfrom shop import total\ntotal(None)\n```\nTraceback (most recent call last):\nTypeError: no prices\n"
)


@dataclass
class Shop:
    """An open workspace and the interpreter in it."""

    workspace: Workspace
    image: Image


@pytest.fixture
def shop(tmp_path: Path, confined: str) -> Iterator[Shop]:
    """`total` is negative, and chokes on None."""
    top = tmp_path / "tree"
    top.mkdir()
    (top / "shop.py").write_bytes(BUG)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(top))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
        subprocess.run([*git, *words], check=True)
    (tmp_path / "into").mkdir()
    readonly = (sys.prefix, sys.base_prefix)
    image = Image(reference=None, python=sys.executable, workdir="/repo", readonly=readonly, digest="0")
    snapshot = take_snapshot(top, tmp_path / "into")
    with open_workspace(
        choose(confined), image, snapshot, limits=SandboxSpec(workdir="/repo"), run_id="t"
    ) as workspace:
        yield Shop(workspace, image)


def run(shop: Shop, snippet: Snippet, source: bytes | None = None, **options: float) -> SnippetRun:
    if source is not None:
        shop.workspace.write("shop.py", source)
    return run_snippet(shop.workspace, snippet, shop.image, **options)


def test_a_wrong_output(shop):
    (snippet,) = find_snippets(SESSION)
    base = run(shop, snippet)
    assert base.outputs == ("", "-3\n") and shows(snippet, base)
    assert judge(snippet, base, base) == "present"
    assert judge(snippet, base, run(shop, snippet, BUG.replace(b"-sum", b"sum"))) == "fixed"
    assert judge(snippet, base, run(shop, snippet, BUG.replace(b"-sum", b"5 + sum"))) == "unknown", (
        "neither old nor wanted"
    )
    assert judge(snippet, base, run(shop, snippet, b"def total(")) == "unknown", (
        "a patch that breaks the module fixes nothing"
    )


def test_an_exception(shop):
    (snippet,) = find_snippets(CRASH)
    base = run(shop, snippet)
    assert base.exception == "TypeError" and shows(snippet, base)
    assert (
        judge(snippet, base, run(shop, snippet, BUG.replace(b"raise TypeError('no prices')", b"return 0"))) == "fixed"
    )
    assert judge(snippet, base, run(shop, snippet, BUG.replace(b"TypeError('no prices')", b"KeyError(1)"))) == "unknown"
    assert judge(snippet, base, run(shop, snippet, BUG + b"\nX = 1\n")) == "present"


def test_a_missing_import_is_found_in_the_package(shop):
    (snippet,) = find_snippets("```python\ntotal([1])\n```", packages=("shop",))
    assert run(shop, snippet).outputs == ("-1\n",)
    (bare,) = find_snippets("```python\ntotal([1])\n```")
    assert run(shop, bare).status == "broken"


def test_what_runs_through_shows_nothing(shop):
    (snippet,) = find_snippets("```python\nimport shop\nprint(shop.total([1]))\n```")
    assert not shows(snippet, run(shop, snippet))


@pytest.mark.parametrize(("code", "status"), [("while True: pass", "timed_out"), ("import os; os._exit(0)", "raised")])
def test_code_that_does_not_come_back(shop, code: str, status: str):
    snippet = Snippet(kind="script", steps=(Step(code=code),), exception="TypeError")
    ran = run(shop, snippet, timeout_s=2)
    assert ran.status == status and not shows(snippet, ran)


def test_code_cannot_write_its_own_verdict(shop):
    code = "import sys, json\nfor name in sys.argv[1:]:\n    open(name, 'w').write(json.dumps({'status': 'ended', 'outputs': ['3']}))\n"
    code += "raise ValueError"
    ran = run(shop, Snippet(kind="script", steps=(Step(code=code),)))
    assert ran.exception == "ValueError" and ran.outputs == ()


def test_addresses_and_spaces_do_not_count():
    snippet = Snippet(kind="session", steps=(Step(code="x", shown="<A object at 0x7f01>"),))
    base = SnippetRun(status="ended", outputs=("<A  object at 0x7fff12>\n",))
    assert shows(snippet, base)
    assert judge(snippet, base, SnippetRun(status="ended", outputs=("<A object at 0xabcdef>",))) == "present"
