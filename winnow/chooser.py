"""From settings to a selector, for `winnow fix` and `winnow select` alike."""

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.values import Brief
from envs.history import read_history
from envs.patches import BaseTree
from selection.execution.bench import SandboxBench
from selection.execution.ledger import Ledger
from selection.execution.runs import Runs
from selection.execution.suite import SuiteLimits
from selection.policies import POLICIES, Preferences
from selection.port import WrittenProbe
from selection.selector import Execution, Selector
from winnow.advice import NOBODY, Advice
from winnow.errors import SettingsError
from winnow.machines import Machines
from winnow.prepare import limits
from winnow.settings import Settings
from winnow.timeline import Report

_COMMITS = 2000
"""Of history that is read, to see what is changed together."""


def preferences_of(settings: Settings) -> Preferences:
    """What the user wants of a selection.

    Raises:
        SettingsError: there is no such policy.
    """
    policy = settings.selection.policy
    if policy not in POLICIES:
        close = difflib.get_close_matches(policy, POLICIES, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"One of: {', '.join(POLICIES)}."
        raise SettingsError(f"There is no policy {policy!r}.", hint=hint)
    return Preferences(policy=policy, price_of_wrong=settings.selection.price_of_wrong)


def sandboxes_at_once(settings: Settings) -> int:
    """So many run tests: as many as there are cores, if nothing else is said."""
    return settings.run.workers or os.cpu_count() or 1


def make_execution(
    settings: Settings,
    machines: Machines,
    brief: Brief,
    *,
    run_id: str,
    ledger: Path | None,
    why_no_suite: str = "",
    known: bool = False,
) -> Execution:
    """What it takes to run tests on changes.

    Args:
        settings: limits.
        machines: where they run.
        brief: image, base and suite.
        run_id: for labels.
        ledger: a file that results are kept in, or a folder for one file per image, base and suite; None: they are forgotten.
        why_no_suite: why the repository's tests cannot be run; empty where they can.
        known: `brief.base_report` is the whole suite on base.
    """
    bench = SandboxBench(
        machines, brief, limits=limits(settings), run_id=run_id, probe_s=settings.selection.probe_seconds
    )
    if ledger is not None and ledger.is_dir():
        ledger /= f"{bench.key[:32]}.jsonl"
    return Execution(
        runs=Runs(bench, Ledger(ledger)),
        workers=sandboxes_at_once(settings),
        limits=SuiteLimits(seconds=settings.selection.suite_seconds),
        why_no_suite=why_no_suite,
        commits=read_history(Path(brief.snapshot.origin), brief.snapshot.head_commit, most=_COMMITS),
        base_report=brief.base_report if known else None,
    )


def make_selector(
    settings: Settings,
    brief: Brief,
    base: BaseTree,
    execution: Execution | None,
    *,
    report: Report,
    written: Sequence[WrittenProbe] = (),
    advice: Advice = NOBODY,
) -> Selector:
    """The selector that the settings ask for, with whoever may be asked for advice."""

    def tell(kind: str, data: Mapping[str, object]) -> None:
        report(kind, data)

    return Selector(
        base=base,
        brief=brief,
        preferences=preferences_of(settings),
        execution=execution,
        written=written,
        judge=advice.judge,
        comparer=advice.comparer,
        compared=settings.selection.compare,
        writer=advice.writer,
        separator=advice.separator,
        max_changes=settings.selection.max_changes,
        report=tell,
    )
