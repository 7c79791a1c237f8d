"""Run unittest and write one JSON line per finished test.

Usage: python unittest_runner.py RESULTS SELECTION [unittest options]

RESULTS and SELECTION are as in `pytest_runner`. The options are those of `python -m unittest`: `discover` with `-s`, `-p`
and `-t`, names of modules, classes and tests, `-k`, `-b`, `-f`, `-v` and the like.
"""

import argparse
import functools
import json
import os
import signal
import sys
import time
import traceback
import unittest
from typing import IO, Any, Dict, Iterator, List, Optional, Set, Tuple

MESSAGE_CHARACTERS = 4000
FAILED_IMPORT = "unittest.loader._FailedTest."
SKIPPED_MODULE = "unittest.loader.ModuleSkipped."
RANK = {"passed": 0, "skipped": 1, "xfailed": 1, "failed": 2, "error": 3}


def enclosing(test_id: str) -> Iterator[str]:
    """Yield the dotted name itself, then its class, its module and its packages."""
    while test_id:
        yield test_id
        test_id = test_id.rpartition(".")[0]


def name_of(test: Any) -> str:
    """Return the test's dotted name; a module that cannot be imported, or skips itself, is named by itself."""
    name = str(test.id())
    for stand_in in (FAILED_IMPORT, SKIPPED_MODULE):
        if name.startswith(stand_in):
            return name[len(stand_in) :]
    return name


def flatten(suite: Any) -> Iterator[Any]:
    """Yield the tests of a suite."""
    if not isinstance(suite, unittest.TestSuite):
        yield suite
        return
    for test in suite:
        if test is not None:
            yield from flatten(test)


# ruff: noqa: N802  (unittest names its methods so)


class Reporter(unittest.TextTestResult):
    """Prints what unittest prints and writes each outcome as a line."""

    def __init__(self, lines: IO[str], planned: List[str], seconds: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seconds = seconds
        self.lines = lines
        self.planned = planned
        self.process = os.getpid()
        self.outcome = "passed"
        self.message = ""
        self.started = 0.0
        self.reported: Dict[str, str] = {}

    def emit(self, **event: Any) -> None:
        """Write one line. A child that a test forked inherits the result and must not speak for it."""
        if os.getpid() == self.process:
            self.lines.write(json.dumps(event) + "\n")
            self.lines.flush()

    def report(self, name: str, outcome: str, message: str, seconds: float = 0.0) -> None:
        """Write an outcome; of two for the same name the worse one stays."""
        known = self.reported.get(name)
        if known is None or RANK[outcome] > RANK[known]:
            self.reported[name] = outcome
            event: Dict[str, Any] = {"id": name, "outcome": outcome, "seconds": round(seconds, 6)}
            if message:
                event["message"] = message[-MESSAGE_CHARACTERS:]
            self.emit(event="test", **event)

    def note(self, test: Any, outcome: str, error: Any = None) -> None:
        """Remember the worst thing that happened to the running test, or spread what happened to its class or module."""
        message = "".join(traceback.format_exception(*error)) if error else ""
        if isinstance(test, unittest.suite._ErrorHolder):  # type: ignore[attr-defined]
            kind, _, scope = str(test.id()).rstrip(")").partition(" (")
            inside = [name for name in self.planned if scope in enclosing(name)] if kind.startswith("setUp") else []
            for name in inside or [scope or kind]:
                self.report(name, outcome, message)
        elif RANK[outcome] > RANK[self.outcome]:
            self.outcome, self.message = outcome, message

    def startTest(self, test: Any) -> None:
        """Say which test runs, for the case that it takes the interpreter with it."""
        super().startTest(test)
        self.outcome, self.message, self.started = "passed", "", time.perf_counter()
        self.emit(event="start", id=name_of(test))
        limit(self.seconds)

    def stopTest(self, test: Any) -> None:
        """Report the test."""
        limit(0)
        super().stopTest(test)
        self.report(name_of(test), self.outcome, self.message, time.perf_counter() - self.started)

    def addError(self, test: Any, err: Any) -> None:
        """An exception other than a failed assertion, in the test or around it."""
        super().addError(test, err)
        self.note(test, "error", err)

    def addFailure(self, test: Any, err: Any) -> None:
        """A failed assertion."""
        super().addFailure(test, err)
        self.note(test, "failed", err)

    def addSkip(self, test: Any, reason: str) -> None:
        """A skipped test, class or module."""
        super().addSkip(test, reason)
        self.note(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        """A failure that the test announces."""
        super().addExpectedFailure(test, err)
        self.note(test, "xfailed")

    def addUnexpectedSuccess(self, test: Any) -> None:
        """Unittest counts this as a failure."""
        super().addUnexpectedSuccess(test)
        self.note(test, "failed")
        self.message = "unexpected success"

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """A part of a test: its failure is the test's."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, "failed" if issubclass(err[0], test.failureException) else "error", err)


def limit(seconds: float) -> None:
    """Make the running test fail after some seconds, once; 0 takes that back. A project's own use of the alarm goes first."""
    if signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, expire):
        signal.signal(signal.SIGALRM, expire)
        signal.setitimer(signal.ITIMER_REAL, seconds)


class TooLong(BaseException):
    """Nothing that a project catches by accident."""


def expire(number: int, frame: Any) -> None:
    """End the test from within, wherever it is."""
    raise TooLong("the test took too long")


def parse(options: List[str]) -> Tuple[argparse.Namespace, bool]:
    """Read the options of `python -m unittest`; the flag says whether to discover."""
    discover = not options or options[0] == "discover"
    parser = argparse.ArgumentParser(prog="python -m unittest", allow_abbrev=False)
    for flags in (
        ("-v", "--verbose"),
        ("-q", "--quiet"),
        ("-f", "--failfast"),
        ("-c", "--catch"),
        ("-b", "--buffer"),
        ("--locals",),
    ):
        parser.add_argument(*flags, action="store_true")
    parser.add_argument("-k", dest="patterns", action="append")
    parser.add_argument("--durations")
    parser.add_argument("-s", "--start-directory", default=".")
    parser.add_argument("-p", "--pattern", default="test*.py")
    parser.add_argument("-t", "--top-level-directory")
    parser.add_argument("names", nargs="*")
    parsed = parser.parse_args(options[1:] if options[:1] == ["discover"] else options)
    return parsed, discover or not parsed.names


def dotted(name: str) -> str:
    """Accept `tests/test_x.py::Class::test_y` and `tests/test_x.py` for the dotted name."""
    path, _, rest = name.partition("::")
    if path.endswith(".py"):
        path = path[:-3].replace("/", ".")
    return path + ("." + rest.replace("::", ".") if rest else "")


def load(parsed: argparse.Namespace, discover: bool, wanted: List[str]) -> List[Any]:
    """Return the tests. Wanted ones are looked for in their own modules first, because importing all of them is slow."""
    loader = unittest.TestLoader()
    if parsed.patterns:
        loader.testNamePatterns = [p if "*" in p else "*" + p + "*" for p in parsed.patterns]
    if not discover:
        return list(flatten(loader.loadTestsFromNames([dotted(name) for name in parsed.names])))
    top = parsed.top_level_directory or parsed.start_directory
    if wanted:
        sys.path.insert(0, os.path.abspath(top))
        modules = list(dict.fromkeys(filter(None, (module_of(name, top) for name in wanted))))
        tests = list(flatten(loader.loadTestsFromNames(modules)))
        if not absent(wanted, tests):
            return tests
    return list(flatten(loader.discover(parsed.start_directory, parsed.pattern, parsed.top_level_directory)))


def module_of(name: str, top: str) -> Optional[str]:
    """Return the part of a dotted name that is a module's file under the top folder."""
    for part in enclosing(name):
        if os.path.isfile(os.path.join(top, *part.split(".")) + ".py"):
            return part
    return None


def absent(wanted: List[str], tests: List[Any]) -> List[str]:
    """Return the wanted names that no test has, neither its own nor that of its class, module or package."""
    names: Set[str] = set()
    broken: Set[str] = set()
    for test in tests:
        names.update(enclosing(name_of(test)))
        if str(test.id()).startswith((FAILED_IMPORT, SKIPPED_MODULE)):
            broken.add(name_of(test))
    return [name for name in wanted if name not in names and not broken.intersection(enclosing(name))]


def run(lines: IO[str], parsed: argparse.Namespace, tests: List[Any], seconds: float) -> Tuple[int, int, int]:
    """Run the tests; return exit code, number of outcomes and number of tests."""
    planned = [name_of(test) for test in tests]
    runner = unittest.TextTestRunner(
        resultclass=functools.partial(Reporter, lines, planned, seconds),
        verbosity=2 if parsed.verbose else 1,
        buffer=parsed.buffer,
        tb_locals=parsed.locals,
    )
    result = runner.run(unittest.TestSuite(tests))
    reported = sum(name in getattr(result, "reported", ()) for name in planned)
    code = 5 if not tests else 0 if result.wasSuccessful() else 1
    return code, reported, len(planned)


def main(arguments: List[str]) -> int:
    """Run unittest with the arguments that follow the two files; return its exit code, 5 when there was no test."""
    results, selection, options = arguments[0], arguments[1], arguments[2:]
    # `python -m unittest` puts the current folder first; a script would put its own.
    sys.path[0] = os.getcwd()
    with open(selection, encoding="utf-8") as stream:
        asked: Dict[str, Any] = json.load(stream)
    wanted = [dotted(name) for name in asked["tests"]]
    parsed, discover = parse(options)
    sys.argv = ["python -m unittest"] + options  # noqa: RUF005
    with open(results, "x", encoding="ascii") as lines:
        tests = load(parsed, discover, wanted)
        if wanted:
            unknown = absent(wanted, tests)
            if unknown and not asked.get("lenient"):
                lines.write(json.dumps({"event": "unknown", "ids": unknown}) + "\n")
                sys.stderr.write("no such test: " + ", ".join(unknown) + "\n")
                return 4
            tests = [
                test for test in tests if set(wanted).intersection(enclosing(name_of(test))) or is_broken(test, wanted)
            ]
        code, reported, planned = run(lines, parsed, tests, asked["seconds"])
        lines.write(json.dumps({"event": "end", "exit": code, "complete": reported >= planned}) + "\n")
    return code


def is_broken(test: Any, wanted: List[str]) -> bool:
    """True for a module that cannot be imported, or skips itself, and that holds a wanted test."""
    return str(test.id()).startswith((FAILED_IMPORT, SKIPPED_MODULE)) and any(
        name_of(test) in enclosing(name) for name in wanted
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
