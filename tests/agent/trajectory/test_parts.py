"""The parts of a try that need no sandbox."""

import threading
import time
from pathlib import Path

import pytest

from agent.context.values import Context
from agent.journal import Journal
from agent.models.errors import AuthenticationFailed, ModelUnavailable
from agent.models.scripted import ScriptedModel, says
from agent.models.values import Message, Sampling, ToolCall
from agent.trajectory.conversation import LEFT_OUT, Conversation
from agent.trajectory.hypotheses import find_hypotheses
from agent.trajectory.prompts import render
from agent.trajectory.tape import Tape
from agent.trajectory.values import Evidence, LoopLimits
from agent.trajectory.warmup import WarmUp

EMPTY = Context(outline="", files=())


class TestTape:
    def test_what_was_told_is_told_again(self, tmp_path: Path):
        with Journal(tmp_path / "j") as journal:
            assert Tape(journal).say("a", "took 0.1 s") == "took 0.1 s"
        with Journal(tmp_path / "j") as journal:
            tape = Tape(journal)
            assert tape.say("a", "took 0.2 s") == "took 0.1 s"
            assert tape.say("b", "new") == "new"
        with Journal(tmp_path / "j") as journal:
            assert [event["text"] for event in journal.past] == ["took 0.1 s", "new"]

    def test_another_way_leaves_the_past_behind(self, tmp_path: Path):
        with Journal(tmp_path / "j") as journal:
            tape = Tape(journal)
            tape.say("a", "1"), tape.say("b", "2")
        with Journal(tmp_path / "j") as journal:
            tape = Tape(journal)
            assert tape.say("c", "3") == "3"
            assert tape.say("b", "4") == "4"

    def test_decisions_are_repeated(self, tmp_path: Path):
        with Journal(tmp_path / "j") as journal:
            tape = Tape(journal)
            assert tape.decide("last-1", "") == ""
            tape.say("a", "1")
            assert tape.decide("last-2", "spent") == "spent"
        with Journal(tmp_path / "j") as journal:
            tape = Tape(journal)
            assert tape.decide("last-1", "spent") == "", "then it was not the last turn"
            tape.say("a", "1")
            assert tape.decide("last-2", "") == "spent", "then it was"
            assert tape.decide("last-3", "") == ""


class TestConversation:
    def talk(self, observations: int) -> Conversation:
        talk = Conversation()
        talk.system("s"), talk.user("u")
        for index in range(observations):
            talk.assistant(Message(role="assistant", tool_calls=(ToolCall(id=str(index), name="x", arguments=""),)))
            talk.tool(str(index), "long " * 100)
        return talk

    def test_users_words_are_joined(self):
        talk = Conversation()
        talk.user("a"), talk.user("b")
        assert [message.content for message in talk.messages] == ["a\n\nb"]

    def test_room_is_made_at_the_old_end(self):
        talk = self.talk(10)
        assert talk.make_room()
        texts = [message.content for message in talk.messages if message.role == "tool"]
        assert texts[0] == LEFT_OUT and texts[-1] != LEFT_OUT
        assert not talk.make_room(), "there is nothing left to take out"

    def test_little_room_is_not_worth_a_new_prefix(self):
        talk = self.talk(10)
        talk.measured(5000)
        assert not talk.make_room(least=1000)
        assert talk.tokens == 5000 and not any(message.content == LEFT_OUT for message in talk.messages)
        assert talk.make_room(least=100)
        assert 0 < talk.tokens < 5000

    def test_more_room_is_made_of_later_ones(self):
        talk = self.talk(3)
        assert [talk.make_room(recent=recent) for recent in (12, 4, 1)] == [False, True, True]
        texts = [message.content for message in talk.messages if message.role == "tool"]
        assert texts[:2] == [LEFT_OUT] * 2 and texts[2] != LEFT_OUT, "the last one is what the model has to answer to"

    def test_a_short_one_is_kept(self):
        assert not self.talk(3).make_room()


class TestWarmUp:
    def test_the_first_goes_alone(self):
        warm, order, lock = WarmUp(), [], threading.Lock()

        def one(index: int) -> None:
            def call() -> None:
                with lock:
                    order.append(("in", index))
                time.sleep(0.05)
                with lock:
                    order.append(("out", index))

            warm.first("p", call)

        threads = [threading.Thread(target=one, args=(index,)) for index in range(5)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert order[0][0] == "in" and order[1] == ("out", order[0][1])

    def test_a_failure_holds_nobody_up(self):
        warm = WarmUp()
        with pytest.raises(ValueError, match="x"):
            warm.first("p", lambda: (_ for _ in ()).throw(ValueError("x")))
        assert warm.first("p", lambda: 1) == 1


class TestHypotheses:
    def ask(self, brief: object, *lines: object) -> list[str]:
        found = find_hypotheses(
            ScriptedModel(lines),
            brief,
            EMPTY,
            count=2,
            sampling=Sampling(),
            limits=LoopLimits(),  # type: ignore[arg-type]
        )
        return [hypothesis.cause for hypothesis in found]

    def test_read_among_prose(self, stage):
        text = 'Sure:\n```json\n[{"cause": "a", "files": ["x.py"]}, {"cause": "a"}, {"no": 1}, 7, {"cause": "b"}, {"cause": "c"}]\n```'
        assert self.ask(stage.brief, says(text)) == ["a", "b"]

    @pytest.mark.parametrize("text", ["", "none", "[1, 2", "[]", '{"cause": "a"}'])
    def test_nothing_readable_is_none(self, stage, text: str):
        assert self.ask(stage.brief, says(text)) == []

    def test_no_answer_is_none_but_a_wrong_key_is_an_error(self, stage):
        assert self.ask(stage.brief, ModelUnavailable("gone")) == []
        with pytest.raises(AuthenticationFailed):
            self.ask(stage.brief, AuthenticationFailed("no"))


def test_what_is_put_into_a_prompt_is_no_gap_itself():
    assert "$tests" in render("task", issue="costs $tests and $5", tests="T", context="C")
    with pytest.raises(KeyError):
        render("task", issue="x")


@pytest.mark.parametrize(
    ("evidence", "proven"),
    [
        (Evidence(), False),
        (Evidence(fixed=("t",)), True),
        (Evidence(probe_before="present", probe_after="fixed"), True),
        (Evidence(probe_before="present", probe_after="present"), False),
        (Evidence(probe_before="fixed", probe_after="fixed"), False),
        (Evidence(probe_before="broken", probe_after="fixed", fixed=("t",)), False),
        (Evidence(fixed=("t",), regressions=("r",)), False),
        (Evidence(fixed=("t",), unmet=("u",)), False),
        (Evidence(fixed=("t",), problem="timed out"), False),
    ],
)
def test_proven(evidence: Evidence, proven: bool):
    assert evidence.proven is proven
