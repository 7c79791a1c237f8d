"""`winnow replay`: the same run again from its journals, without a model."""

import shutil
from pathlib import Path

from agent.values import Brief
from sandbox.values import Value
from winnow.errors import Exit, RunUnusable
from winnow.prepare import BRIEF
from winnow.request import Request
from winnow.result import FixResult
from winnow.settings import Settings
from winnow.solve import provider_of, silent, work
from winnow.store import Store
from winnow.timeline import Report

_KEPT = ("snapshot.json", BRIEF, "context.json", "events.jsonl")
_KEPT_EACH = ("round-*.json", "trajectories/*/events.jsonl", "selection/*.jsonl")


class ReplayResult(Value):
    """What came of a replay."""

    exit_code: int
    run_id: str
    """The new run."""
    replayed: str
    """The run that was walked again."""
    same: bool
    """The new run chose the same patch, or none as before."""
    reason: str
    result: FixResult


def replay(name: str, *, state_dir: Path, report: Report = silent) -> ReplayResult:
    """Walk a finished run again in a new run: models say what the journals hold, tools and tests really run.

    Raises:
        RunUnusable: no such run, or it has no result.
        WinnowError: as `fix`.
    """
    store = Store(state_dir)
    old = store.open(name)
    request, before, brief = (
        old.load("request.json", Request),
        old.load("result.json", FixResult),
        old.load(BRIEF, Brief),
    )
    if request is None or before is None or brief is None:
        raise RunUnusable(f"run {old.id} has no result to compare with", hint=f"Finish it: winnow resume {old.id}")
    new = store.create()
    files = [*(old.path / item for item in _KEPT), *(path for glob in _KEPT_EACH for path in old.path.glob(glob))]
    for path in files:
        if path.exists():
            place = new.path / path.relative_to(old.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
    new.save("request.json", request)
    settings = Settings.model_validate(request.settings)
    result = work(new, request, settings, provider_of(settings, brief.sandbox), report, replay=True)
    same = result.patch == before.patch
    found = "the same patch" if result.patch else "no patch, as before"
    return ReplayResult(
        exit_code=Exit.OK if same else Exit.REPLAY_DIFFERS,
        run_id=new.id,
        replayed=old.id,
        same=same,
        reason=found if same else f"another outcome: {result.reason}",
        result=result,
    )
