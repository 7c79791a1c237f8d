"""Stands in a real sandbox: each run finds the patched tree as it was, and other changes are nowhere near."""

import sys
from pathlib import Path

import pytest

from agent.probe import SCRIPT, Probe
from envs.patches import make_patch
from envs.values import Image, Outcome, Patch, Suite
from sandbox.choose import choose
from sandbox.values import SandboxSpec
from selection.evidence import Verdict
from selection.execution.bench import SandboxBench
from selection.execution.checks import Check
from selection.execution.ledger import Ledger
from selection.execution.matrix import run_matrix
from selection.execution.runs import Runs
from selection.values import Origin
from tests.selection.bench_kit import make_base

SOURCE = "def f(x):\n    return x - 1\n"
NASTY = "open('m.py', 'w').write('')\nopen('left.txt', 'w').write('')\n"


def script(text: str) -> Probe:
    return Probe(kind="script", path=SCRIPT, content=text)


@pytest.mark.confined
def test_runs_leave_nothing_behind_and_are_kept(tmp_path: Path, confined: str) -> None:
    base, brief = make_base(tmp_path, {"m.py": SOURCE, "test_m.py": "import m\n\n\ndef test_ok():\n    assert m\n"})
    readonly = (sys.prefix, sys.base_prefix)
    image = Image(reference=None, python=sys.executable, workdir="/work", readonly=readonly, digest="0")
    brief = brief.model_copy(
        update={"image": image, "suite": brief.suite.model_copy(update={"argv": (sys.executable, "-m", "pytest")})}
    )
    bench = SandboxBench(choose(confined), brief, limits=SandboxSpec(), run_id="t", probe_s=20.0)
    with base:
        patch = make_patch(base, {"m.py": SOURCE.replace("- 1", "+ 1").encode()})
    with bench.open(patch) as stand:
        stand.script(script(NASTY))
        look = "import m, os, sys\nsys.exit(0 if m.f(1) == 2 and not os.path.exists('left.txt') else 2)\n"
        assert stand.script(script(look)).verdict == "fixed"
        assert dict(stand.suite(("test_m.py", "test_none.py")).outcomes) == {"test_m.py::test_ok": Outcome.PASSED}
        new = {"test_new.py": "import m\n\n\ndef test_a():\n    assert m.f(1) == 2\n\n\ndef test_b():\n    assert 0\n"}
        outcomes = {"test_new.py::test_a": Outcome.PASSED, "test_new.py::test_b": Outcome.FAILED}
        assert dict(stand.overlaid(new).outcomes) == outcomes
        assert list(stand.overlaid(new, ["test_new.py::test_a"]).outcomes) == ["test_new.py::test_a"]
    whole = brief.model_copy(update={"suite": Suite(kind="command", argv=("true",))})
    with SandboxBench(choose(confined), whole, limits=SandboxSpec(), run_id="t").open(patch) as stand:
        assert stand.overlaid(new).status == "unusable"  # a command that runs everything says nothing of one file
    with Runs(bench, Ledger()).on(patch) as session:  # a tree that cannot be brought back is no fault of the patch
        session.check(Check(id="damage", origin=Origin.WRITER, body=script("import shutil\nshutil.rmtree('.git')\n")))
        ran = session.check(Check(id="look", origin=Origin.WRITER, body=script(look)))
        assert ran.script is not None and ran.script.verdict == "fixed"
    checks = [Check(id="look", origin=Origin.WRITER, body=script(look))]
    for done in (4, 0):  # base twice, and both changes; then nothing
        runs = Runs(bench, Ledger(tmp_path / "ledger.jsonl"))
        matrix = run_matrix(runs, checks, {"good": patch, "none": Patch(diff="")}, workers=2)
        assert {cell.leader: cell.verdict for cell in matrix.cells} == {"good": Verdict.PASS, "none": Verdict.FAIL}
        # The change that changes nothing is base, whose first run is known.
        assert runs.done == (done and done - 1)
