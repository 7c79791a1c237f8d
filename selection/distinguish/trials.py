"""Tests on base and on every finalist, each pair run once in a run."""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from agent.journal import Journal
from agent.probe import Probe, ProbeResult
from envs.errors import PatchRejected
from envs.values import Patch
from sandbox.errors import SandboxError
from selection.port import WrittenProbe
from selection.values import Origin

RunProbe = Callable[[Patch, Probe], ProbeResult]
"""Runs a probe with a patch applied, in a fresh sandbox; the empty patch is the base commit. Called from several threads at once.
May raise `PatchRejected` and `SandboxError`."""
BASE = Patch(diff="")
_KIND = "trial"


class Trial(NamedTuple):
    """One test, and what it showed on every tree."""

    written: WrittenProbe
    base: ProbeResult
    results: Mapping[str, ProbeResult]
    """By finalist."""

    @property
    def splits(self) -> bool:
        """It passes with some finalists and fails with others."""
        return {"present", "fixed"} <= {result.verdict for result in self.results.values()}


class Trials:
    """Runs tests, and keeps what they showed in a journal, so that no process runs a pair again."""

    def __init__(self, run: RunProbe, journal: Journal, *, threads: int = 4) -> None:
        """Keep the effect and the file; `threads` sandboxes at once."""
        self._run = run
        self._journal = journal
        self._threads = threads
        self._known = {
            event["key"]: ProbeResult.model_validate(event["result"])
            for event in journal.past
            if event["kind"] == _KIND
        }

    def try_all(self, probe: Probe, finalists: Mapping[str, Patch]) -> Trial:
        """Run a test on base and with every finalist.

        A tree whose sandbox is lost says nothing, which is not kept.

        Raises:
            SandboxError: no tree at all could be had.
        """
        trees = [BASE, *finalists.values()]
        with ThreadPoolExecutor(max_workers=self._threads) as pool:
            results = list(pool.map(lambda patch: self._one(probe, patch), trees))
        errors = [result for result in results if isinstance(result, SandboxError)]
        if len(errors) == len(results):
            raise errors[0]
        for patch, result in zip(trees, results, strict=True):
            key = _key(probe, patch)
            if isinstance(result, ProbeResult) and key not in self._known:
                self._known[key] = result
                self._journal.append(_KIND, through=False, key=key, result=result.model_dump(mode="json"))
        base, *others = [_as_result(result) for result in results]
        written = WrittenProbe(id=f"selection-{_digest(probe)[:10]}", probe=probe, origin=Origin.SELECTION)
        return Trial(written, base, dict(zip(finalists, others, strict=True)))

    def _one(self, probe: Probe, patch: Patch) -> ProbeResult | SandboxError:
        known = self._known.get(_key(probe, patch))
        if known is not None:
            return known
        try:
            return self._run(patch, probe)
        except PatchRejected as rejected:
            return ProbeResult(verdict="broken", exit_code=None, output=f"the change does not apply: {rejected}")
        except SandboxError as error:
            return error


def _as_result(result: ProbeResult | SandboxError) -> ProbeResult:
    if isinstance(result, ProbeResult):
        return result
    return ProbeResult(verdict="broken", exit_code=None, output="The sandbox was lost.")


def _key(probe: Probe, patch: Patch) -> str:
    return f"{_digest(probe)}-{hashlib.sha256(patch.diff.encode()).hexdigest()[:32]}"


def _digest(probe: Probe) -> str:
    return hashlib.sha256(probe.model_dump_json().encode()).hexdigest()[:32]
