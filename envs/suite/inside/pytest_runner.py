"""Run pytest and write one JSON line per finished test. Works with pytest 4.6 and newer.

Usage: python pytest_runner.py RESULTS SELECTION [pytest options]

RESULTS is created by this script. SELECTION is a JSON object: `tests` are ids, none to run what the options say, and
`seconds` is how long one test may take, 0 for ever; with `lenient`, ids that do not exist are passed over. Ids are matched
here and not handed to pytest, because pytest takes
some parameter values in them for syntax and because a command line is too short for a big suite.
"""

import json
import os
import signal
import sys
from typing import IO, Any, Dict, Iterator, List, Optional, Set

MESSAGE_CHARACTERS = 4000


def enclosing(test_id: str) -> Iterator[str]:
    """Yield the id itself, then without its parameters, then its classes, its file and its folders."""
    yield test_id
    path, separator, name = test_id.partition("::")
    if separator:
        parts = name.split("[")[0].split("::")
        for end in range(len(parts), 0, -1):
            yield path + "::" + "::".join(parts[:end])
    while path:
        yield path
        path = path.rpartition("/")[0]


class Reporter:
    """A pytest plugin: narrows the collection to the wanted ids and reports outcomes as they come."""

    def __init__(self, stream: IO[str], wanted: List[str], seconds: float, lenient: bool = False) -> None:
        self.stream = stream
        self.wanted = wanted
        self.lenient = lenient
        self.seconds = seconds
        self.process = os.getpid()
        self.collected = 0
        self.finished = 0
        self.interrupted = False
        self.broken: Set[str] = set()
        self.reports: Dict[str, List[Any]] = {}

    def emit(self, **event: Any) -> None:
        """Write one line. A child that a test forked inherits the plugin and must not speak for it."""
        if os.getpid() == self.process:
            self.stream.write(json.dumps(event) + "\n")
            self.stream.flush()

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be imported, or that asks to be skipped as a whole, is an outcome of its own."""
        if report.passed:
            return
        test_id = report.nodeid or "collection"
        self.broken.add(test_id)
        if report.failed:
            self.emit(event="test", id=test_id, outcome="error", message=tail(report))
        else:
            self.emit(event="test", id=test_id, outcome="skipped")

    def pytest_collection_modifyitems(self, config: Any, items: List[Any]) -> None:
        """Keep the wanted tests and stop when one of them does not exist."""
        if not self.wanted:
            return
        wanted = set(self.wanted)
        found: Set[str] = set()
        kept: List[Any] = []
        dropped: List[Any] = []
        for item in items:
            matches = wanted.intersection(enclosing(item.nodeid))
            found |= matches
            (kept if matches else dropped).append(item)
        unknown = [test for test in self.wanted if test not in found and not self.broken.intersection(enclosing(test))]
        if unknown and not self.lenient:
            self.emit(event="unknown", ids=unknown)
            items[:] = []
            sys.stdout.flush()
            raise self.usage_error("no such test: " + ", ".join(unknown))
        items[:] = kept
        if dropped:
            config.hook.pytest_deselected(items=dropped)

    @staticmethod
    def usage_error(text: str) -> Exception:
        """The exception that ends pytest with its exit code for a wrong command line."""
        import pytest  # noqa: PLC0415  (only after sys.path is what pytest would have made it)

        return pytest.UsageError(text)

    def pytest_collection_finish(self, session: Any) -> None:
        """From here on it is known how many tests should report."""
        self.collected = len(session.items)
        self.emit(event="collected", count=self.collected)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say which test runs, for the case that it takes the interpreter with it."""
        self.reports[nodeid] = []
        self.emit(event="start", id=nodeid)
        limit(self.seconds)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep the phases of a test together."""
        self.reports.setdefault(report.nodeid, []).append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Fold the phases into one outcome."""
        limit(0)
        reports = self.reports.pop(nodeid, [])
        if reports:
            self.finished += 1
            self.emit(event="test", id=nodeid, **fold(reports))

    def pytest_keyboard_interrupt(self) -> None:
        """Also called for `pytest.exit()`, which can end a session half-way with exit code 0."""
        self.interrupted = True

    def pytest_internalerror(self) -> None:
        """A broken plugin or hook: what was reported so far is not the whole truth."""
        self.interrupted = True


def limit(seconds: float) -> None:
    """Make the running test fail after some seconds, once; 0 takes that back. A project's own use of the alarm goes first."""
    if signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, expire):
        signal.signal(signal.SIGALRM, expire)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def expire(number: int, frame: Any) -> None:
    """End the test from within, wherever it is."""
    import pytest  # noqa: PLC0415  (only after sys.path is what pytest would have made it)

    pytest.fail("the test took too long")


def fold(reports: List[Any]) -> Dict[str, Any]:
    """Return outcome, message and seconds of one test from the reports of its phases, subtests and reruns."""
    outcome, message, seconds = "passed", "", 0.0
    for report in reports:
        seconds += getattr(report, "duration", 0.0)
        if report.outcome == "rerun":
            outcome, message = "passed", ""
        elif report.failed and outcome not in ("failed", "error"):
            outcome, message = ("failed" if report.when == "call" else "error"), tail(report)
        elif report.skipped and outcome == "passed" and getattr(report, "context", None) is None:
            outcome = "xfailed" if hasattr(report, "wasxfail") else "skipped"
    folded: Dict[str, Any] = {"outcome": outcome, "seconds": round(seconds, 6)}
    if message:
        folded["message"] = message
    return folded


def tail(report: Any) -> str:
    """Return the end of a failure's text."""
    text = getattr(report, "longreprtext", None) or str(getattr(report, "longrepr", ""))
    return str(text)[-MESSAGE_CHARACTERS:]


def main(arguments: List[str]) -> int:
    """Run pytest with the arguments that follow the two files; return its exit code."""
    results, selection, options = arguments[0], arguments[1], arguments[2:]
    # `python -m pytest` puts the current folder first; a script would put its own.
    sys.path[0] = os.getcwd()
    with open(selection, encoding="utf-8") as stream:
        asked: Dict[str, Any] = json.load(stream)
    wanted: List[str] = asked["tests"]
    with open(results, "x", encoding="ascii") as stream:
        lenient = bool(asked.get("lenient"))
        if lenient:
            wanted = [test for test in wanted if os.path.exists(test.partition("::")[0])]
        reporter = Reporter(stream, wanted, asked["seconds"], lenient)
        if asked["tests"] and not wanted:
            reporter.emit(event="end", exit=5, complete=True)  # pytest's own code for nothing collected
            return 5
        files = list(dict.fromkeys(test.partition("::")[0] for test in wanted))
        missing = [path for path in files if not os.path.exists(path)]
        if missing:
            unknown = [test for test in wanted if test.partition("::")[0] in missing]
            reporter.emit(event="unknown", ids=unknown)
            sys.stderr.write("no such test: " + ", ".join(unknown) + "\n")
            return 4
        import pytest  # noqa: PLC0415  (only after sys.path is what pytest would have made it)

        sys.argv = [os.path.join(os.path.dirname(pytest.__file__), "__main__.py")] + options + files  # noqa: RUF005
        code = int(run(pytest, options + files, reporter) or 0)
        reporter.emit(
            event="end",
            exit=code,
            complete=not reporter.interrupted and reporter.finished >= reporter.collected,
        )
    return code


def run(pytest: Any, options: List[str], reporter: Reporter) -> Optional[int]:
    """Call pytest; the reporter is registered before options are parsed, so that it hears of everything."""
    return pytest.main(options, plugins=[reporter])  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
