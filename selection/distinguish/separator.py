"""The separator: a selection trajectory in both orders of the finalists (CodeMonkeys walks one, best first).

Only an answer on which both orders agree counts; a model that prefers what it sees first comes to none.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from agent.journal import Journal
from agent.models.open import TrajectoryModel
from agent.models.values import Sampling
from agent.trajectory.tape import Tape
from agent.values import Candidate
from envs.errors import PatchRejected
from envs.patches import BaseTree
from selection.distinguish.trials import Trial, Trials
from selection.distinguish.walk import Outcome, Walk
from selection.judge.exhibits import code_before, exhibit
from selection.judge.quoting import quote
from selection.judge.uses import find_uses
from selection.port import WrittenProbe
from selection.values import SeparatingTest, Separation

Open = Callable[[str], AbstractContextManager[tuple[TrajectoryModel, Journal]]]
"""Opens a model for one conversation, by a name for its journal, which is the same whenever the same is asked."""
_SIZE = 90_000
"""Bytes of issue, code and changes together."""


class TrajectorySeparator:
    """Implements `selection.policies.port.Separator`. For one thread."""

    def __init__(
        self,
        open_model: Open,
        trials: Trials,
        issue: str,
        base: BaseTree,
        candidates: Mapping[str, Candidate],
        *,
        sampling: Sampling,
        python: str,
        seconds: float,
        tests: int = 8,
        context_tokens: int = 120_000,
    ) -> None:
        """Keep the parts.

        Args:
            open_model: for each of the two conversations.
            trials: run tests.
            issue: what the changes are for.
            base: the base commit's files, open.
            candidates: by id; finalists are among them.
            sampling: how replies are drawn.
            python: interpreter of the scripts, for the model to know.
            seconds: of one script, likewise.
            tests: tests in one conversation, at most.
            context_tokens: length after which a conversation ends.
        """
        self._open_model = open_model
        self._trials = trials
        self._issue = issue
        self._base = base
        self._candidates = candidates
        self._sampling = sampling
        self._python = python
        self._seconds = seconds
        self._tests = tests
        self._context_tokens = context_tokens
        self._written: dict[str, WrittenProbe] = {}

    @property
    def written(self) -> tuple[WrittenProbe, ...]:
        """All tests so far that show the problem on base, for whoever wants to run them on other changes."""
        return tuple(self._written.values())

    def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
        """See `selection.policies.port.Separator`."""
        del task_id
        if len(finalists) < 2:
            return Separation(finalists=finalists, reason="there is nothing to tell apart")
        tried: list[tuple[Trial, str]] = []
        answers: list[Outcome] = []
        for order, shown in (("forwards", finalists), ("backwards", finalists[::-1])):
            try:
                outcome = self._walk(order, shown, tried)
            except PatchRejected as rejected:
                outcome = Outcome(None, f"a change does not apply: {rejected}")
            answers.append(outcome)
            if outcome.picked is None:
                break
        picked, reason = _agreed(answers)
        return Separation(finalists=finalists, picked=picked, reason=reason, tests=_kept(tried))

    def _walk(self, order: str, shown: tuple[str, ...], tried: list[tuple[Trial, str]]) -> Outcome:
        """One order; its tests are added to `tried`, however it ends."""
        patches = {identifier: self._candidates[identifier].patch for identifier in shown}
        sections = self._sections(patches)
        with self._open_model(f"{self._name(patches)}-{order}") as (model, journal):
            walk = Walk(
                model,
                Tape(journal),
                self._trials,
                patches,
                sampling=self._sampling,
                tests=self._tests,
                context_tokens=self._context_tokens,
            )
            try:
                return walk.run(sections, python=self._python, seconds=self._seconds)
            finally:
                tried += walk.tried
                for trial, _ in walk.tried:
                    if trial.base.verdict == "present":
                        self._written[trial.written.id] = trial.written

    def _sections(self, patches: Mapping[str, object]) -> list[str]:
        """Issue, code and changes in the order in which they are shown."""
        changes = [self._candidates[identifier].patch for identifier in patches]
        laid_out = [exhibit(patch, self._base) for patch in changes]
        names = sorted({name for shown in laid_out if shown for name in shown.names})
        uses = find_uses(self._base, names)
        size = _SIZE // (3 + len(changes))
        sections = [
            f"The issue:\n{quote(self._issue, size)}",
            f"The code that they change, as it is before:\n{quote(code_before(changes, self._base), size)}",
        ]
        if uses:
            used = "\n\n".join(uses[name] for name in names if name in uses)
            sections.append(f"Lines of the repository that name what is changed:\n{quote(used, size // 3)}")
        for label, shown in zip("ABCDEFGH", laid_out, strict=False):
            text = quote(shown.change, size) if shown else "(nothing but tests)"
            sections.append(f"Change {label}:\n{text}")
        return sections

    def _name(self, patches: Mapping[str, object]) -> str:
        """The same for the same finalists, however they are ordered."""
        texts = sorted(self._candidates[identifier].patch.diff for identifier in patches)
        return f"separate-{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:12]}"


def _agreed(answers: list[Outcome]) -> tuple[str | None, str]:
    """What both orders say."""
    if answers[-1].picked is None:
        return None, f"no answer: {answers[-1].reason}"
    one, other = answers
    if one.picked == other.picked:
        return one.picked, f"in both orders: {one.reason} / {other.reason}"
    return None, f"{one.picked} in one order ({one.reason}), {other.picked} in the other ({other.reason})"


def _kept(tried: list[tuple[Trial, str]]) -> tuple[SeparatingTest, ...]:
    """Tests for the log, each once."""
    kept = {
        trial.written.id: SeparatingTest(
            id=trial.written.id,
            content=trial.written.probe.content,
            why=why,
            base=trial.base.verdict,
            verdicts={identifier: result.verdict for identifier, result in trial.results.items()},
        )
        for trial, why in reversed(tried)
    }
    return tuple(reversed(kept.values()))
