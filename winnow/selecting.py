"""Choosing between patches that are there already: what `winnow select` and `winnow.select` share."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from agent.context.find import find_context_of
from agent.probe import SCRIPT, Probe
from agent.values import Candidate
from envs.delivery import write_patch
from envs.errors import PatchRejected
from envs.issues import GitHub, read_issue
from envs.patches import BaseTree, clean, paths
from envs.repository import find_repository
from envs.values import Issue, Patch, Task
from envs.workspace import Workspace, open_workspace
from selection.choose import SelectionLog
from selection.errors import PoolUnusable
from selection.execution.ledger import key_of
from selection.explain import explain
from selection.files import LOG, write_explanation, write_log
from selection.intake import Intake, read_candidates
from selection.port import WrittenProbe
from selection.selector import Choice
from selection.stored import StoredCandidate, StoredPool, write_values
from selection.values import Origin, Verdict
from winnow.advice import NOBODY, Advice, open_advice
from winnow.chooser import make_selector, preferences_of
from winnow.crew import open_crew
from winnow.errors import Exit, Interrupted, SettingsError
from winnow.ground import Ground, open_ground, scratch_folder
from winnow.models import selecting_model
from winnow.prepare import limits
from winnow.select_values import Asked, SelectResult
from winnow.settings import Settings, load
from winnow.solve import silent
from winnow.store import RunDir
from winnow.timeline import Report

_ASKED = "selections"
"""Folder of the cache with what models were asked, by selection and model."""


def select(
    repo: str | Path = ".",
    candidates: str | Path | Sequence[str | Path] = (),
    *,
    issue: str | None = None,
    task: str = "",
    failing_tests: Sequence[str] = (),
    base: str | None = None,
    probes: Sequence[str | Path] = (),
    execution: bool = True,
    out: str | Path | None = None,
    patch_out: str | Path | None = None,
    evidence_out: str | Path | None = None,
    report: Report = silent,
    **settings: Mapping[str, Any],
) -> SelectResult:
    """Choose one of several patches, or none; the Python face of `winnow select`.

    Args:
        repo: a folder of the repository, which is only read.
        candidates: folders of diffs, files of diffs, stored pools, published patches or predictions; see `selection.intake`.
        issue: FILE, "text", https://…/issues/N, owner/repo#N or #N.
        task: which one, where a file holds several.
        failing_tests: tests that fail on base and must pass in the end.
        base: a commit; None: what is on disk.
        probes: files of tests from outside.
        execution: False runs nothing.
        out: folder for the log and the explanation.
        patch_out: file for the chosen patch.
        evidence_out: file for the pool with its evidence.
        report: told what is going on, from any thread.
        **settings: sections of the settings tree, such as `selection={"policy": "fusion"}`.

    Raises:
        WinnowError: one sentence in `str(error)`, what to do in `error.hint`; `winnow.errors.exit_code` gives the code.
    """
    places = [candidates] if isinstance(candidates, (str, Path)) else list(candidates)
    asked = Asked(
        candidates=tuple(map(Path, places)),
        issue=issue,
        task=task,
        failing_tests=tuple(failing_tests),
        commit=base,
        probes=tuple(map(Path, probes)),
        execution=execution,
        out=None if out is None else Path(out),
        patch_out=None if patch_out is None else Path(patch_out),
        evidence_out=None if evidence_out is None else Path(evidence_out),
    )
    repository = find_repository(Path(repo))
    return choose_between(asked, load(settings, repository=repository), repository, report)


def choose_between(asked: Asked, settings: Settings, repository: Path, report: Report) -> SelectResult:
    """Choose; see `select`."""
    began = time.monotonic()
    preferences_of(settings)
    if asked.failing_tests and not asked.execution:
        raise SettingsError(
            "Tests that must pass are named, but nothing is to be run.",
            hint="Leave out --failing-test or --no-execution.",
        )
    intake = read_candidates(asked.candidates, task=asked.task)
    written = [_probe(path, number) for number, path in enumerate(asked.probes, 1)]
    found = _issue(asked, intake, settings, repository)
    task_id = intake.task_id or asked.task or repository.name
    task = Task(id=task_id, issue=found, failing_tests=asked.failing_tests)
    cache = settings.run.cache_dir.expanduser()
    candidates = [_candidate(stored) for stored in intake.candidates]
    families = {stored.id: stored.family for stored in intake.candidates if stored.family}
    with (
        scratch_folder(cache) as folder,
        open_ground(asked, settings, repository, task, folder, report=report) as ground,
        BaseTree(ground.brief.snapshot, folder=folder) as base,
        _asking(settings, ground, base, candidates, report) as advice,
    ):
        brief, execution = ground.brief, ground.execution
        report("phase", {"name": "selection"})
        selector = make_selector(settings, brief, base, execution, report=report, written=written, advice=advice)
        choice, log = selector.select(candidates, families)
        if ground.stop.is_set():
            raise Interrupted("stopped on request")
        done = execution.runs.done if execution else 0
    patch = choice.patches.get(choice.selection.chosen or "", Patch(diff=""))
    pool = StoredPool(
        task_id=task_id, issue=found.text if found else "", candidates=intake.candidates, evidence=log.evidence
    )
    result = _result(choice, log, patch, done=done, sandbox=brief.sandbox)
    return result.model_copy(
        update={"seconds": round(time.monotonic() - began, 3), "written": _write(asked, log, patch, pool)}
    )


@contextmanager
def _asking(
    settings: Settings, ground: Ground, base: BaseTree, candidates: Sequence[Candidate], report: Report
) -> Iterator[Advice]:
    """Open the models that are to be asked, which are none where none is named. What they say is kept, and is not paid for again."""
    if not selecting_model(settings):
        yield NOBODY
        return
    brief, machines = ground.brief, ground.machines
    issue = brief.task.issue.text if brief.task.issue else ""
    # What was said is kept by what was asked, so that another model's answers must lie elsewhere.
    diffs = sorted(candidate.patch.diff for candidate in candidates)
    digest = key_of(brief.snapshot.base_commit, issue, selecting_model(settings), diffs)
    run = RunDir(settings.run.cache_dir.expanduser() / _ASKED / digest[:32])
    run.path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def open_base() -> AbstractContextManager[Workspace]:
        assert machines is not None, "tests are written only where they can be run"
        return open_workspace(machines, brief.image, brief.snapshot, limits=limits(settings), run_id=run.id)

    with run.lock(), open_crew(settings, run, elapsed_s=0.0, stop=ground.stop) as crew:
        writes = ground.execution is not None and settings.selection.writers
        context = find_context_of(brief, base) if writes else None
        with open_advice(
            crew,
            brief,
            base,
            ground.execution,
            candidates,
            context=context,
            open_workspace=open_base,
            report=report,
        ) as advice:
            yield advice


def _issue(asked: Asked, intake: Intake, settings: Settings, repository: Path) -> Issue | None:
    """The issue that was named, else what came with the candidates; None where there is neither."""
    if asked.issue is not None:
        github = GitHub(token=settings.github.token, api_url=settings.github.api_url)
        return read_issue(asked.issue, repository=repository, stdin=sys.stdin, github=github)
    if not intake.issue.strip():
        return None
    title, _, body = intake.issue.strip().partition("\n")
    return Issue(title=title, body=body.strip("\n"), source="candidates")


def _probe(path: Path, number: int) -> WrittenProbe:
    """A test from outside; see `Asked.probes`."""
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PoolUnusable(f"The probe {path} cannot be read: {error}.", hint="A Python file is wanted.") from error
    is_test = path.name.startswith("test_") or path.stem.endswith("_test")
    probe = (
        Probe(kind="test", path=path.name, content=content)
        if is_test
        else Probe(kind="script", path=SCRIPT, content=content)
    )
    return WrittenProbe(id=f"given-{number}:{path.name}", probe=probe, origin=Origin.EXTERNAL)


def _candidate(stored: StoredCandidate) -> Candidate:
    """A stored candidate; a diff in an unusual spelling is put right where it can be, else the pool says why it is dropped."""
    patch = Patch(diff=stored.patch)
    with suppress(PatchRejected):
        patch = clean(stored.patch)
    return Candidate(
        id=stored.id,
        trajectory_id=stored.trajectory_id or stored.id,
        patch=patch,
        proposer=stored.proposer or stored.id,
    )


def _result(choice: Choice, log: SelectionLog, patch: Patch, *, done: int, sandbox: str) -> SelectResult:
    selection = choice.selection
    decision = selection.decision
    assert decision is not None, "a policy decided"
    verdicts = [gate.verdict for gate in choice.gates.values()]
    chosen = selection.chosen
    return SelectResult(
        task_id=log.evidence.task_id,
        status="chosen" if chosen else "abstained",
        exit_code=Exit.OK if chosen else Exit.NOTHING_PLAUSIBLE,
        chosen=chosen,
        patch=patch.diff,
        files=paths(patch) if chosen else (),
        reason=selection.reason,
        policy=decision.policy,
        rule=decision.rule,
        probability=decision.probability,
        ranking=selection.ranking,
        candidates=len(log.evidence.entries),
        distinct=len(selection.clusters),
        got_through=verdicts.count(Verdict.PASS),
        fell=verdicts.count(Verdict.FAIL),
        probes=sum(set(probe.base) == {Verdict.FAIL} for probe in log.evidence.probes),
        ran=done,
        sandbox=sandbox,
        seconds=0.0,
    )


def _write(asked: Asked, log: SelectionLog, patch: Patch, pool: StoredPool) -> tuple[str, ...]:
    """Write what was asked for, and say what was written."""
    written: list[Path] = []
    if asked.out is not None:
        write_log(log, asked.out / LOG)
        written += [asked.out / LOG, *write_explanation(explain(log), asked.out)]
    if asked.evidence_out is not None:
        asked.evidence_out.parent.mkdir(parents=True, exist_ok=True)
        write_values(asked.evidence_out, [pool])
        written.append(asked.evidence_out)
    if asked.patch_out is not None and not patch.is_empty:
        write_patch(asked.patch_out.absolute(), patch)
        written.append(asked.patch_out)
    return tuple(map(str, written))
