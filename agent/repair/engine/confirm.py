"""The last word of the engine on an edit: written to the file, and the suite's own runner in a process of its own."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Sequence

from .baseline import Baseline
from .edits import Edit
from .request import Request
from .source import Source
from .state import Tree

CHECK = "--check"
"""First argument of the engine when it is to run named unittest tests in a process of its own."""
_MAX_TESTS = 300
_TIMEOUT_S = 120.0
_STAMPS = itertools.count(1)
"""Cached bytecode goes by size and second: no two edits of a process may share both."""


class Confirmer:
    """Runs the failing tests and the covering ones on the edited tree, which is put back afterwards."""

    def __init__(
        self,
        request: Request,
        tree: Tree,
        baseline: Baseline,
        *,
        passing: Sequence[str],
        options: Sequence[str],
        archive: str,
    ) -> None:
        self._request = request
        self._tree = tree
        self._failing = [item.test for item in baseline.failing]
        self._passing = list(passing)[:_MAX_TESTS]
        self._unsteady = list(baseline.unsteady)[:_MAX_TESTS]
        self._sure = False
        self._writes = baseline.writes
        self._options = options
        self._arguments = request.arguments
        self._archive = os.path.abspath(archive)
        self._cache = os.path.join(request.workdir, ".pytest_cache")
        self._cached = os.path.exists(self._cache)
        self._env = {**os.environ, "PYTHONPYCACHEPREFIX": os.path.join(tempfile.gettempdir(), "bytecode")}  # noqa: TID251  the tests' own
        self._env.pop("PYTHONDONTWRITEBYTECODE", None)

    def confirms(self, source: Source, edit: Edit) -> bool:
        """True when every test passes with the edit in the file."""
        if self._with(source, edit, self._all()):
            return True
        return not self._sure and self._doubt() and self._with(source, edit, self._all())

    def _all(self) -> list[str]:
        return [*self._failing, *self._passing, *self._unsteady]

    def _doubt(self) -> bool:
        """After the first refusal: keep the tests that pass in this way without any edit. True when that leaves some out."""
        self._sure = True
        before = len(self._passing) + len(self._unsteady)
        for passing, unsteady in ((self._passing, self._unsteady), (self._passing, []), ([], [])):
            self._passing, self._unsteady = passing, unsteady
            if self._run([*passing, *unsteady]):
                break
        return len(self._passing) + len(self._unsteady) < before

    def repaired(self, source: Source, edit: Edit, tests: Sequence[str]) -> list[str]:
        """Those of further failing tests that pass with the edit in the file."""
        if not tests or self._with(source, edit, tests):
            return list(tests)
        return [test for test in tests if self._with(source, edit, [test])] if len(tests) > 1 else []

    def _with(self, source: Source, edit: Edit, tests: Sequence[str]) -> bool:
        """Run tests with the edit in the file; then put everything back."""
        before = os.stat(source.path)
        try:
            with open(source.path, "wb") as file:
                file.write(edit.apply(source.text))
            os.utime(source.path, (before.st_atime, before.st_mtime + 2 * next(_STAMPS)))
            return self._run(tests)
        finally:
            with open(source.path, "wb") as file:
                file.write(source.text)
            os.utime(source.path, ns=(before.st_atime_ns, before.st_mtime_ns))
            if self._writes:
                self._tree.restore()
            if not self._cached:
                shutil.rmtree(self._cache, ignore_errors=True)

    def _command(self, tests: Sequence[str]) -> list[str]:
        if self._request.kind == "pytest":
            return [sys.executable, "-m", "pytest", *self._arguments, *self._options, "-x", *tests]
        # not every test that unittest finds can be named on its command line
        path = os.path.join(tempfile.gettempdir(), "check.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"arguments": [*self._request.arguments, *self._request.tests], "tests": list(tests)}, file)
        return [sys.executable, self._archive, CHECK, path]

    def _run(self, tests: Sequence[str]) -> bool:
        """True when the runner, in a process of its own, finds nothing wrong with these tests."""
        if not tests:
            return True
        with subprocess.Popen(
            self._command(tests),
            cwd=self._request.workdir,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                return process.wait(_TIMEOUT_S) == 0
            except subprocess.TimeoutExpired:
                return False
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
