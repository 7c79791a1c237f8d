"""The last word of the engine on an edit: written to the file, and the suite's own runner in a process of its own."""

from __future__ import annotations

import contextlib
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
        self._tests = [item.test for item in baseline.failing] + [*passing, *baseline.unsteady][:_MAX_TESTS]
        self._writes = baseline.writes
        self._count = 0
        self._options = options
        self._arguments = [item for item in request.arguments if not self._is_place(item)]
        self._archive = os.path.abspath(archive)
        self._list = os.path.join(tempfile.gettempdir(), "check.json")
        with open(self._list, "w", encoding="utf-8") as file:
            json.dump({"arguments": [*request.arguments, *request.tests], "tests": self._tests}, file)
        self._cache = os.path.join(request.workdir, ".pytest_cache")
        self._cached = os.path.exists(self._cache)
        self._env = {**os.environ, "PYTHONPYCACHEPREFIX": os.path.join(tempfile.gettempdir(), "bytecode")}  # noqa: TID251  the tests' own
        self._env.pop("PYTHONDONTWRITEBYTECODE", None)

    def _is_place(self, argument: str) -> bool:
        """True for a file or folder to look in: left out, as the tests are named."""
        path = os.path.join(self._request.workdir, argument.partition("::")[0])
        return not argument.startswith("-") and os.path.exists(path)

    def confirms(self, source: Source, edit: Edit) -> bool:
        """True when every test passes with the edit in the file."""
        before = os.stat(source.path)
        try:
            with open(source.path, "wb") as file:
                file.write(edit.apply(source.text))
            self._count += 1
            os.utime(
                source.path, (before.st_atime, before.st_mtime + 2 * self._count)
            )  # cached bytecode goes by size and second
            return self._run()
        finally:
            with open(source.path, "wb") as file:
                file.write(source.text)
            os.utime(source.path, ns=(before.st_atime_ns, before.st_mtime_ns))
            if self._writes:
                self._tree.restore()
            if not self._cached:
                shutil.rmtree(self._cache, ignore_errors=True)

    def _run(self) -> bool:
        if self._request.kind == "pytest":
            command = [sys.executable, "-m", "pytest", *self._arguments, *self._options, "-x", *self._tests]
        else:  # not every test that unittest finds can be named on its command line
            command = [sys.executable, self._archive, CHECK, self._list]
        with subprocess.Popen(
            command,
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
