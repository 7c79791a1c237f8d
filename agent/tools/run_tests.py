"""The tool `run_tests`: the repository's own tests, against what they did on base."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.models.values import ToolSpec
from agent.tools.text import clean, clip, one_line, size
from agent.tools.tree import Tree
from agent.tools.values import Observation, ToolLimits
from agent.values import Brief
from envs.suite import Comparison, compare, run_suite
from envs.values import Outcome, Suite, SuiteReport

_BAD = (Outcome.FAILED, Outcome.ERROR)
_MOST_NAMES = 30
_MESSAGE_BYTES = 1500
_MOST_MESSAGES = 8


class RunTests:
    """Runs the suite, or some of it, and says what changed."""

    def __init__(self, tree: Tree, brief: Brief, limits: ToolLimits) -> None:
        self._tree, self._suite, self._base, self._limits = tree, brief.suite, brief.base_report, limits
        base = brief.base_report
        whole = f"all {len(base.outcomes)} took {base.seconds:.0f} s on base" if base.outcomes else "all of it"
        suite = f"the suite in {', '.join(brief.suite.paths)}" if brief.suite.paths else "the whole suite"
        naming = {
            "pytest": "files, folders or ids such as tests/test_a.py::test_b",
            "unittest": "dotted names such as tests.test_a.TestB.test_c, or files",
            "command": "ignored: the suite is one command",
        }[brief.suite.kind]
        self.spec = ToolSpec(
            name="run_tests",
            description=(
                "Run the repository's tests and compare with what they did before any change: newly failing, newly passing, still "
                f"failing. Without tests {suite} runs ({whole}; killed after {limits.tests_s:g} s)."
            ),
            parameters={
                "type": "object",
                "properties": {"tests": {"type": "array", "items": {"type": "string"}, "description": naming}},
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `Tool.run`."""
        tests = [self._id(test) for test in arguments.get("tests", ()) if test.strip()]
        if any("\0" in test for test in tests):
            return Observation(text="A test's name cannot hold a NUL character.", ok=False)
        if self._suite.kind == "command":
            tests = []
        report = run_suite(self._tree.box, self._suite, tests, timeout_s=self._limits.tests_s)
        unknown = [test for test in tests if test in report.log_tail] if report.status == "unusable" else []
        if unknown and len(unknown) < len(tests):  # one wrong name must not cost the results of the others
            tests = [test for test in tests if test not in unknown]
            report = run_suite(self._tree.box, self._suite, tests, timeout_s=self._limits.tests_s)
        base = _part(self._base, tests, self._suite)
        changes = compare(base, report)
        new = [test for test in report.outcomes if test not in self._base.outcomes and test not in changes.fixed]
        new_failing = [test for test in new if report.outcomes[test] in _BAD]
        new_passing = [test for test in new if report.outcomes[test] is Outcome.PASSED]
        data = {
            "status": report.status,
            "whole": not tests,
            "seconds": round(report.seconds, 3),
            "outcomes": {test: outcome.value for test, outcome in report.outcomes.items()},
            "newly_passing": list(changes.fixed),
            "newly_failing": list(changes.regressions),
            "still_failing": list(changes.still_failing),
            "missing": list(changes.missing),
            "new_failing": new_failing,
            "new_passing": new_passing,
        }
        if report.status == "unusable":  # nothing ran, so nothing is to be compared
            changes = Comparison()
        text = _told(report, changes, new_failing, new_passing, self._limits)
        if unknown:
            text = clip(f"No such test: {', '.join(unknown)}\n{text}", self._limits.observation_bytes)
        return Observation(text=text, ok=report.status != "unusable", data=data)

    def _id(self, test: str) -> str:
        """Return a test's id as the runner has it: relative, and dotted for unittest."""
        path, separator, rest = test.strip().strip("\"'").partition("::")
        if path.startswith(("./", f"{self._tree.top}/")):
            path = self._tree.shown(self._tree.absolute(path))
        if self._suite.kind == "unittest" and (path.endswith(".py") or "/" in path):
            return path.removesuffix(".py").strip("/").replace("/", ".") + (
                f".{rest.replace('::', '.')}" if rest else ""
            )
        return f"{path.rstrip('/')}{separator}{rest}"


def _part(base: SuiteReport, tests: Sequence[str], suite: Suite) -> SuiteReport:
    """Return what base says of the tests that were asked for."""
    if not tests:
        return base
    signs = ("::", "[", "/") if suite.kind == "pytest" else (".",)
    wanted = tuple(f"{test}{sign}" for test in tests for sign in signs)
    outcomes = {id_: out for id_, out in base.outcomes.items() if id_ in tests or id_.startswith(wanted)}
    return base.model_copy(update={"outcomes": outcomes})


def _told(
    report: SuiteReport, changes: Comparison, new_failing: Sequence[str], new_passing: Sequence[str], limits: ToolLimits
) -> str:
    counts = {outcome: len(report.having(outcome)) for outcome in Outcome}
    summary = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count) or "no test ran"
    parts = [f"{summary} ({report.seconds:.1f} s)"]
    ending = _ENDINGS[report.status].format(limit=f"{limits.tests_s:g}")
    if ending:
        parts.insert(0, ending)
    for title, names in (
        ("Newly failing (passed on base)", changes.regressions),
        ("Newly passing (failed on base)", changes.fixed),
        ("Still failing, as on base", changes.still_failing),
        ("No result now, but passed on base", changes.missing),
        ("Failing, not on base", new_failing),
        ("Passing, not on base", new_passing),
    ):
        if names:
            parts.append(_names(f"{title}: {len(names)}", names))
    if report.status == "ran" and not (changes.regressions or changes.missing or new_failing):
        parts.append("Nothing that passed on base fails.")
    text = "\n".join(parts)
    failing = [*changes.regressions, *new_failing, *changes.still_failing]
    if report.status != "ran" and not failing:
        text += f"\nEnd of what the runner printed:\n{clip(clean(report.log_tail.encode()), 3000)}"
    return clip(_with_messages(text, failing, report, limits.observation_bytes), limits.observation_bytes)


_ENDINGS = {
    "ran": "",
    "nothing_collected": "No tests were found there.",
    "timed_out": "The run was killed after {limit} s; tests without a result are unknown. Name fewer tests.",
    "crashed": "The runner died before its end; tests without a result are unknown.",
    "unusable": "The tests could not be started.",
}


def _names(title: str, names: Sequence[str]) -> str:
    shown = "\n".join(f"  {one_line(name, 300)}" for name in names[:_MOST_NAMES])
    more = f"\n  … {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{title}\n{shown}{more}"


def _with_messages(text: str, failing: Sequence[str], report: SuiteReport, limit: int) -> str:
    """Add how tests failed, the important ones first, as long as there is room."""
    for test in [test for test in failing if report.messages.get(test)][:_MOST_MESSAGES]:
        message = clip(clean(report.messages[test].encode()).strip("\n"), _MESSAGE_BYTES)
        part = f"\n\n--- {one_line(test, 300)}\n{message}"
        if size(text) + size(part) > limit:
            break
        text += part
    return text
