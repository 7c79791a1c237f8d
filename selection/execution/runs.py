"""Runs of tests on patched copies: done once, kept, and done again in a fresh sandbox when the first one is lost."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

from agent.probe import Probe
from envs.snippets import Snippet
from envs.values import Patch, SuiteReport
from sandbox.errors import SandboxLost
from sandbox.values import Value
from selection.execution.checks import Check, CheckRun, Script
from selection.execution.ledger import Ledger, key_of
from selection.port import Bench, Stand

V = TypeVar("V", bound=Value)

BASE = Patch(diff="")
_TRIES = 2
"""Sandboxes that one run may lose."""
_MESSAGE = 500
"""Characters of a failure's text that are kept."""


class Runs:
    """A bench with a memory. Several threads may use one."""

    def __init__(self, bench: Bench, ledger: Ledger) -> None:
        self._bench = bench
        self._ledger = ledger

    @property
    def done(self) -> int:
        """Runs that were done, as nobody knew their result."""
        return self._ledger.done

    @contextmanager
    def on(self, patch: Patch) -> "Iterator[Session]":
        """Work on one patched copy. A sandbox is opened when a result is asked for that nobody knows, and is the session's own."""
        with ExitStack() as stack:
            yield Session(self._bench, self._ledger, patch, stack)


class Session:
    """One patched copy. Used by one thread.

    Every method raises `SandboxLost` when two sandboxes in a row were lost under one run, and `PatchRejected` when the patch does not
    apply inside.
    """

    def __init__(self, bench: Bench, ledger: Ledger, patch: Patch, stack: ExitStack) -> None:
        self._bench = bench
        self._ledger = ledger
        self._patch = patch
        self._stack = stack
        self._stand: Stand | None = None

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None, turn: int = 0) -> SuiteReport:
        """Run tests, or all of them; `turn` tells repetitions of one run apart."""

        def run(stand: Stand) -> SuiteReport:
            return _trimmed(stand.suite(tests, timeout_s=timeout_s))

        return self._once(("suite", list(tests), timeout_s, turn), SuiteReport, run)

    def check(self, check: Check, *, only: Sequence[str] = (), turn: int = 0) -> CheckRun:
        """Run a check; of a test file all tests, or only some."""
        body = check.body

        def run(stand: Stand) -> CheckRun:
            if isinstance(body, Snippet):
                return CheckRun(snippet=stand.snippet(body))
            if isinstance(body, Script):
                program = Probe(kind="script", path=body.path, content=body.content)
                return CheckRun(script=stand.script(program))
            if body.kind == "script":
                return CheckRun(script=stand.script(body))
            tests = only or (body.test or body.path,)
            return CheckRun(tests=_trimmed(stand.overlaid({**dict(body.support), body.path: body.content}, tests)))

        return self._once(("check", body.model_dump(mode="json"), list(only), turn), CheckRun, run)

    def _once(self, what: tuple[object, ...], kind: type[V], run: Callable[[Stand], V]) -> V:
        return self._ledger.once(key_of(self._bench.key, self._patch.diff, *what), kind, lambda: self._run(run))

    def _run(self, run: Callable[[Stand], V]) -> V:
        for tried in range(1, _TRIES + 1):
            try:
                if self._stand is None:
                    self._stand = self._stack.enter_context(self._bench.open(self._patch))
                return run(self._stand)
            except SandboxLost:
                self._stand = None
                with suppress(SandboxLost):
                    self._stack.close()
                if tried == _TRIES:
                    raise
        raise AssertionError("unreachable")


def _trimmed(report: SuiteReport) -> SuiteReport:
    """Without the long texts: reports are kept for every change."""
    messages = {test: text[-_MESSAGE:] for test, text in report.messages.items()}
    return report.model_copy(update={"messages": messages, "log_tail": report.log_tail[-4 * _MESSAGE :]})
