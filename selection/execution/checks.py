"""Checks: generated tests and code of the issue, what they did on a tree, and what that means. Pure.

A check may vote once it was seen to fail on base, twice, for the reason that it states. A test file is read test by test: only those of
its tests count that fail on base with it and did not without it, so that a file which fails on base anyway says nothing.
"""

import hashlib
import re
from collections.abc import Sequence
from itertools import chain
from typing import assert_never

from agent.probe import PRESENT, Probe, ProbeResult
from envs.snippets import Snippet, SnippetRun, judge, shows
from envs.suite import BAD
from envs.values import Outcome, SuiteReport
from sandbox.values import Value
from selection.evidence import ProbeRecord, Verdict, verdict_of
from selection.port import WrittenProbe
from selection.values import Origin

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")
_TRACE = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)*", re.MULTILINE)
"""All of a traceback but its last line: places in the code differ between changes that do the same."""
_SPACE = re.compile(r"[ \t]+$|^[ \t]*#.*$", re.MULTILINE)


class Script(Value):
    """A program that a candidate brought along: it says what it finds by ending with zero or not, and by what it prints."""

    path: str
    content: str


class Check(Value):
    """One thing to run on every change."""

    id: str
    origin: Origin
    author: str | None = None
    """See `selection.evidence.ProbeRecord`."""
    body: Probe | Snippet | Script
    expects: str = ""
    """Of a script: the exception that the issue reports. Empty: none is named."""

    @property
    def digest(self) -> str:
        """Equal for checks that are equal but for comment lines and space at the ends of lines."""
        body = self.body
        if isinstance(body, Snippet):
            parts = ("snippet", "", body.source)
        else:
            # A program is the same whatever it is called; a test file is found by its name.
            parts = ("program", "", body.content)
            if isinstance(body, Probe):
                parts = (body.kind, body.test or body.path, "\n".join((body.content, *chain(*body.support))))
        plain = "\n".join(line for line in _SPACE.sub("", parts[2]).splitlines() if line)
        return hashlib.sha256("\0".join((*parts[:2], plain)).encode()).hexdigest()


class CheckRun(Value):
    """What a check did on one tree: one of the three, as its kind is."""

    script: ProbeResult | None = None
    tests: SuiteReport | None = None
    snippet: SnippetRun | None = None

    @property
    def seconds(self) -> float:
        """How long it took; 0 where nobody says."""
        return self.script.seconds if self.script else self.tests.seconds if self.tests else 0.0


class OnBase(Value):
    """A check's runs on base, and what of it may judge."""

    runs: tuple[CheckRun, ...]
    verdicts: tuple[Verdict, ...]
    """Of each run: `fail` only for the reason that it states; failing otherwise is `unknown`."""
    shown: tuple[str, ...] = ()
    """Of a test file: its tests that fail on base with it, and not without it."""

    @property
    def votes(self) -> bool:
        """Whether it may judge changes."""
        return bool(self.verdicts) and all(verdict is Verdict.FAIL for verdict in self.verdicts)


def check_of(written: WrittenProbe) -> Check:
    """A written probe as a check."""
    return Check(id=written.id, origin=written.origin, author=written.author, body=written.probe)


def read_base(check: Check, runs: Sequence[CheckRun], before: SuiteReport | None = None) -> OnBase:
    """Say what a check's runs on base mean.

    Args:
        check: what was run.
        runs: at least one.
        before: of a test file that exists on base: its own tests there, without the check's version of it.
    """
    shown: tuple[str, ...] = ()
    reports = [run.tests for run in runs if run.tests is not None]
    # Where its own tests did not come to their end, nobody knows which of them fail anyway.
    if reports and (before is None or before.status in ("ran", "nothing_collected")):
        already = {test for test, outcome in before.outcomes.items() if outcome in BAD} if before else set()
        failing = [set(report.having(Outcome.FAILED)) - already for report in reports]
        shown = tuple(sorted(set.intersection(*failing))) if len(reports) == len(runs) else ()
    verdicts = tuple(_on_base(check, run, runs[0], shown) for run in runs)
    return OnBase(runs=tuple(runs), verdicts=verdicts, shown=shown)


def verdict_on(check: Check, base: OnBase, run: CheckRun) -> tuple[Verdict, str]:
    """What a run with a change means, and how it ended in a few words."""
    if run.script is not None and isinstance(check.body, Script):
        return _script_on(base.runs[0].script, run.script)
    if run.script is not None:
        return verdict_of(run.script), run.script.verdict
    if run.tests is not None:
        return _tests_on(base.shown, run.tests)
    if run.snippet is not None and isinstance(check.body, Snippet) and base.runs[0].snippet is not None:
        said = judge(check.body, base.runs[0].snippet, run.snippet)
        verdict = {"fixed": Verdict.PASS, "present": Verdict.FAIL, "unknown": Verdict.UNKNOWN}[said]
        return verdict, f"{said}: {_ended(run.snippet)}"
    return Verdict.UNKNOWN, "not run"


def signature(run: CheckRun) -> str | None:
    """What a run did, equal for equal behaviour: what was printed, and how it ended, but not where in the code. None: nobody knows."""
    if run.snippet is not None:
        if run.snippet.status in ("broken", "timed_out"):
            return None
        return _plain("\n".join((*run.snippet.outputs, run.snippet.exception, run.snippet.message)))
    if run.script is not None:
        if run.script.exit_code is None or run.script.verdict == "timed_out":
            return None
        return f"{run.script.exit_code}\n{_plain(_TRACE.sub('', run.script.output))}"
    return None


def record_of(check: Check, base: OnBase) -> ProbeRecord:
    """The check as evidence."""
    return ProbeRecord(id=check.id, origin=check.origin, author=check.author, digest=check.digest, base=base.verdicts)


def _on_base(check: Check, run: CheckRun, first: CheckRun, shown: Sequence[str]) -> Verdict:
    if run.script is not None and isinstance(check.body, Script):
        same = first.script is not None and signature(run) == signature(first)
        return Verdict.FAIL if same and _complains(check, run.script) else Verdict.UNKNOWN
    if run.script is not None:
        return {"present": Verdict.FAIL, "fixed": Verdict.PASS}.get(run.script.verdict, Verdict.UNKNOWN)
    if run.tests is not None:
        if shown:
            return Verdict.FAIL
        clean = run.tests.status == "ran" and not run.tests.having(*BAD) and run.tests.having(Outcome.PASSED)
        return Verdict.PASS if clean else Verdict.UNKNOWN
    if run.snippet is not None and isinstance(check.body, Snippet):
        same = first.snippet is not None and judge(check.body, first.snippet, run.snippet) == "present"
        return Verdict.FAIL if same and shows(check.body, run.snippet) else Verdict.UNKNOWN
    return Verdict.UNKNOWN


def _tests_on(shown: Sequence[str], report: SuiteReport) -> tuple[Verdict, str]:
    """All tests that failed must pass; one that has no verdict makes it unknown, unless another one still fails."""
    outcomes = [report.outcomes.get(test) for test in shown]
    passed = sum(outcome is Outcome.PASSED for outcome in outcomes)
    said = f"{passed} of {len(outcomes)} tests pass"
    if Outcome.FAILED in outcomes:
        return Verdict.FAIL, said
    return (Verdict.PASS if outcomes and passed == len(outcomes) else Verdict.UNKNOWN), said


def _complains(check: Check, result: ProbeResult) -> bool:
    """Whether a program failed by its own verdict: an assertion, an exit code without a traceback, or the exception of the issue."""
    if not result.exit_code or result.exit_code < 0:
        return False
    if not _TRACE.search(result.output):
        return result.exit_code in (1, PRESENT)
    last = result.output.strip().rpartition("\n")[2]
    name = re.split(r"[:\s(]", last, maxsplit=1)[0].rpartition(".")[2]
    return name == "AssertionError" or (bool(check.expects) and name == check.expects)


def _script_on(base: ProbeResult | None, result: ProbeResult) -> tuple[Verdict, str]:
    said = "does not end" if result.exit_code is None else f"ends with {result.exit_code}"
    if result.exit_code == 0:
        return Verdict.PASS, said
    same = base is not None and signature(CheckRun(script=result)) == signature(CheckRun(script=base))
    return (Verdict.FAIL if same and result.exit_code is not None else Verdict.UNKNOWN), said


def _plain(text: str) -> str:
    """Without addresses, and with single spaces."""
    return " ".join(_ADDRESS.sub("0x", text).split())


def _ended(run: SnippetRun) -> str:
    match run.status:
        case "raised":
            return f"raises {run.exception}"
        case "ended":
            return "runs through"
        case "broken":
            return "cannot be run"
        case "timed_out":
            return "does not end"
        case _:
            assert_never(run.status)
