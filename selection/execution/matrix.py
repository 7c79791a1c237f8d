"""The matrix: checks on base, then on every change, in parallel sandboxes, one change to a sandbox."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import NamedTuple, TypeVar

from agent.probe import Probe
from envs.errors import PatchRejected
from envs.values import Patch
from sandbox.errors import SandboxLost
from selection.behaviour import Behaviour
from selection.evidence import Cell, ProbeRecord, Verdict
from selection.execution.checks import Check, CheckRun, OnBase, read_base, record_of, signature, verdict_on
from selection.execution.runs import BASE, Runs
from selection.weights import BASE_RUNS

T = TypeVar("T")


class Matrix(NamedTuple):
    """What checks did."""

    probes: tuple[ProbeRecord, ...]
    cells: tuple[Cell, ...]
    behaviours: tuple[Behaviour, ...]
    """Of checks whose output can be compared, whether or not they may vote."""


def run_matrix(
    runs: Runs,
    checks: Sequence[Check],
    patches: Mapping[str, Patch],
    *,
    workers: int,
    exists: Callable[[str], bool] = lambda _path: False,
) -> Matrix:
    """Run checks on base twice, and those that show a problem there, or whose output can be compared, on every change.

    A cell whose sandbox was lost twice is unknown. The order of checks and changes does not matter.

    Args:
        runs: where they run.
        checks: each id once.
        patches: by leader.
        workers: sandboxes at once.
        exists: whether base has a file.

    Raises:
        SandboxError: the machine is at fault, but for sandboxes that are lost.
    """
    checks = sorted(checks, key=lambda check: check.id)
    on_base = _on_base(runs, checks, workers, exists)
    wanted = [check for check in checks if on_base[check.id].votes or _steady(on_base[check.id]) is not None]
    found = _on_changes(runs, wanted, patches, on_base, workers)
    leaders = sorted(patches)
    return Matrix(
        probes=tuple(record_of(check, on_base[check.id]) for check in checks),
        cells=tuple(
            _cell(leader, check, on_base[check.id], found[leader, check.id])
            for check in wanted
            if on_base[check.id].votes
            for leader in leaders
        ),
        behaviours=tuple(
            Behaviour(
                check=check.id,
                base=_steady(on_base[check.id]),
                by_leader={leader: _sign(found[leader, check.id]) for leader in leaders},
            )
            for check in wanted
            if _steady(on_base[check.id]) is not None
        ),
    )


def _on_base(runs: Runs, checks: Sequence[Check], workers: int, exists: Callable[[str], bool]) -> Mapping[str, OnBase]:
    """Every check on base, twice; of a test file that is there already also what it said before."""
    found: dict[str, OnBase] = {}

    def job(part: Sequence[Check]) -> None:
        with runs.on(BASE) as base:
            for check in part:
                before, body = None, check.body
                try:
                    turns = tuple(base.check(check, turn=turn) for turn in range(BASE_RUNS))
                    if isinstance(body, Probe) and body.kind == "test" and exists(body.path):
                        before = base.suite((body.path,))
                except SandboxLost:
                    turns = (CheckRun(),)
                found[check.id] = read_base(check, turns, before)

    in_parallel([_bound(job, part) for part in _parts(checks, workers)], workers)
    return found


def _on_changes(
    runs: Runs, checks: Sequence[Check], patches: Mapping[str, Patch], on_base: Mapping[str, OnBase], workers: int
) -> Mapping[tuple[str, str], CheckRun | str]:
    """Every check on every change; why there is no result, where its sandboxes were lost."""
    found: dict[tuple[str, str], CheckRun | str] = {}

    def job(leader: str, part: Sequence[Check]) -> None:
        with runs.on(patches[leader]) as patched:
            for check in part:
                try:
                    found[leader, check.id] = patched.check(check, only=on_base[check.id].shown)
                except (SandboxLost, PatchRejected) as error:
                    found[leader, check.id] = str(error)

    each = math.ceil(workers / len(patches)) if patches else 1
    in_parallel([_bound(job, leader, part) for leader in sorted(patches) for part in _parts(checks, each)], workers)
    return found


def in_parallel(jobs: Sequence[Callable[[], T]], workers: int) -> list[T]:
    """Run jobs in threads and return what they return, in their order; the first error ends all that have not begun, and is raised."""
    if len(jobs) <= 1 or workers <= 1:
        return [job() for job in jobs]
    stop = threading.Event()

    def run(job: Callable[[], T]) -> T:
        if stop.is_set():
            raise InterruptedError
        try:
            return job()
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(workers, thread_name_prefix="winnow-matrix") as pool:
        futures = [pool.submit(run, job) for job in jobs]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            for future in futures:
                future.cancel()
    failed = [error for future in futures if not future.cancelled() and (error := future.exception())]
    real = [error for error in failed if not isinstance(error, InterruptedError)]
    if real:
        raise real[0]
    return [future.result() for future in futures]


def _bound(job: Callable[..., T], *words: object) -> Callable[[], T]:
    return lambda: job(*words)


def _parts(checks: Sequence[Check], count: int) -> list[Sequence[Check]]:
    """Deal checks out into so many hands, without empty ones."""
    return [checks[at::count] for at in range(min(count, len(checks)))]


def _steady(base: OnBase) -> str | None:
    """What the check does on base, when it does the same each time."""
    signs = {signature(run) for run in base.runs}
    return signs.pop() if len(signs) == 1 else None


def _sign(run: CheckRun | str) -> str | None:
    return None if isinstance(run, str) else signature(run)


def _cell(leader: str, check: Check, base: OnBase, run: CheckRun | str) -> Cell:
    if isinstance(run, str):
        return Cell(leader=leader, probe=check.id, verdict=Verdict.UNKNOWN, reason=run)
    verdict, said = verdict_on(check, base, run)
    return Cell(leader=leader, probe=check.id, verdict=verdict, seconds=run.seconds, reason=said)
