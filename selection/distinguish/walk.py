"""One selection trajectory over finalists in one order: ask, run, ask again, decide."""

import string
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.models.errors import BudgetExhausted, ContextFull, ModelError
from agent.models.open import TrajectoryModel
from agent.models.values import ChatRequest, Reply, Sampling
from agent.probe import SCRIPT, Probe
from agent.templates import Templates
from agent.tools.toolbox import Toolbox
from agent.tools.values import Observation, ToolLimits
from agent.trajectory.conversation import Conversation
from agent.trajectory.tape import Tape
from envs.values import Patch
from selection.distinguish.reports import describe_trial
from selection.distinguish.tools import NONE, Decide, TryTest
from selection.distinguish.trials import Trial, Trials

_TEXTS = Templates("selection.distinguish.prompts")
_SPARE = 3
"""Turns beyond one for each test: to decide, and for calls that were wrong."""
_CALLS_LEFT = 2
"""Calls of the present size below which the next one is the last."""
_MAX_SILENT = 2
"""Replies in a row without a call of a tool, after which it ends."""


class Outcome(NamedTuple):
    """What one order came to."""

    picked: str | None
    reason: str


class Walk:
    """One conversation. The order of `finalists` is the order in which they are shown."""

    def __init__(
        self,
        model: TrajectoryModel,
        tape: Tape,
        trials: Trials,
        finalists: Mapping[str, Patch],
        *,
        sampling: Sampling,
        tests: int,
        context_tokens: int,
    ) -> None:
        """Keep the handles.

        Args:
            model: budgeted and journaled.
            tape: keeps what a shared budget decided.
            trials: run the tests.
            finalists: changes by id.
            sampling: how replies are drawn.
            tests: tests that may be tried, at most.
            context_tokens: length of the conversation after which the next turn is the last.
        """
        self._model = model
        self._tape = tape
        self._trials = trials
        self._finalists = finalists
        self._names = dict(zip(string.ascii_uppercase, finalists, strict=False))
        self._sampling = sampling
        self._tests = tests
        self._context_tokens = context_tokens
        # What is said of a run is bounded where it is said.
        self._tools = Toolbox([TryTest(), Decide(list(self._names))], ToolLimits(observation_bytes=1000))
        self._talk = Conversation()
        self._silent = 0
        self.tried: list[tuple[Trial, str]] = []
        """Every test, with why it was written."""

    def run(self, sections: Sequence[str], *, python: str, seconds: float) -> Outcome:
        """Talk until it decides, or may not go on.

        Args:
            sections: issue, code and changes, quoted.
            python: what runs the scripts.
            seconds: of one script.

        Raises:
            SandboxError: no test could be run.
        """
        self._talk.system(_TEXTS.render("system"))
        values = {"python": f"`{python}`", "seconds": f"{seconds:g}", "tests": str(self._tests)}
        self._talk.user(_TEXTS.render("start", sections="\n\n".join(sections), **values))
        for turn in range(self._tests + _SPARE):
            last = self._last_turn(turn)
            if last:
                self._talk.user(_TEXTS.render("last_turn", reason=last))
            try:
                reply = self._model.complete(self._request())
            except (ContextFull, BudgetExhausted, ModelError) as error:
                return Outcome(None, f"it got no answer: {error}")
            outcome = self._hear(reply)
            if outcome is not None:
                return outcome
            if last:
                return Outcome(None, f"it did not decide in its last turn: {last}")
        return Outcome(None, "it did not decide")

    def _request(self) -> ChatRequest:
        return ChatRequest(messages=self._talk.messages, tools=self._tools.specs, sampling=self._sampling)

    def _last_turn(self, turn: int) -> str:
        """Why the next turn is the last one; empty when it is not."""
        if turn >= self._tests + _SPARE - 1:
            return "the limit of turns is reached"
        if len(self.tried) >= self._tests:
            return f"the limit of {self._tests} tests is reached"
        if self._talk.tokens > self._context_tokens:
            return "the conversation is as long as it may be"
        left = self._model.calls_left(self._request())
        spent = "the budget is nearly spent" if left is not None and left < _CALLS_LEFT else ""
        return self._tape.decide(f"last-{turn}", spent)

    def _hear(self, reply: Reply) -> Outcome | None:
        """Do what a reply asks for; an outcome when that ends it."""
        self._talk.measured(reply.usage.input_tokens + reply.usage.output_tokens)
        calls = reply.message.tool_calls
        if reply.finish == "length":  # what it called last may be half of what was meant
            cut = {"tool_calls": (), "content": reply.message.content or "(cut off)", "extra": {}}
            self._talk.assistant(reply.message.model_copy(update=cut))
            return self._quiet(_TEXTS.render("cut_reply", tokens=str(self._sampling.max_output_tokens)))
        if not calls:
            self._talk.assistant(reply.message.model_copy(update={"content": reply.message.content or "(nothing)"}))
            return self._quiet("\n\n".join(filter(None, (reply.note, _TEXTS.render("no_call")))))
        self._talk.assistant(reply.message)
        self._silent = 0
        outcome = None
        for call in calls:
            observation = self._tools.call(call)
            if "choice" in observation.data and outcome is None:
                outcome = self._decided(observation)
            note = reply.note if call is calls[0] else ""
            self._talk.tool(call.id, "\n\n".join(filter(None, (note, self._answer(observation)))))
        return outcome

    def _quiet(self, text: str) -> Outcome | None:
        """Say that nothing was done."""
        self._silent += 1
        if self._silent >= _MAX_SILENT:
            return Outcome(None, f"{_MAX_SILENT} replies in a row called no tool")
        self._talk.user(text)
        return None

    def _decided(self, observation: Observation) -> Outcome:
        choice, why = str(observation.data["choice"]), " ".join(str(observation.data["why"]).split())
        letters = ", ".join(f"{letter} is {identifier}" for letter, identifier in self._names.items())
        return Outcome(None if choice == NONE else self._names[choice], f"{why} ({letters})")

    def _answer(self, observation: Observation) -> str:
        """What a call is answered with; a test is run."""
        if "content" not in observation.data:
            return observation.text
        if len(self.tried) >= self._tests:
            return f"Not run: the limit of {self._tests} tests is reached."
        probe = Probe(kind="script", path=SCRIPT, content=str(observation.data["content"]))
        trial = self._trials.try_all(probe, self._finalists)
        self.tried.append((trial, str(observation.data["why"])))
        labels = {identifier: label for label, identifier in self._names.items()}
        return describe_trial(trial, labels, left=self._tests - len(self.tried))
