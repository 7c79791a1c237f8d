"""Each strategy walks a try in a real sandbox; the gate of "done", the best state, limits and endings."""

import pytest

from agent.budget import BudgetLimits
from agent.models.errors import ContextFull, ModelRejected, ModelUnavailable
from agent.models.scripted import says
from agent.models.values import ChatRequest, Message, Reply
from agent.values import ExitReason, Usage
from envs.workspace import Workspace
from tests.agent.trajectory.conftest import BREAK, FIX, PROBE, SUBMIT, Killed, Stage, call, replace

WRONG = replace("result -= price", "result *= price")
MEND = replace("result *= price", "result += price")


def replace_folder(stage: Stage, name: str) -> Stage:
    """The same stage with a journal of its own."""
    return Stage(stage.brief, stage.open_workspace, stage.folder / name)


class TestReact:
    def test_a_fix_is_submitted_with_evidence(self, stage: Stage):
        ended = stage.walk([says("look", call("view", path="shop/prices.py")), says("", FIX), says("", SUBMIT)])
        assert ended.exit is ExitReason.SUBMITTED
        (candidate,) = ended.candidates
        assert "+        result += price" in candidate.patch.diff
        assert candidate.summary == "Prices are added."
        assert candidate.claims["proven"] == "true"
        assert ended.usage.calls == 3

    def test_the_task_is_told_once_and_first(self, stage: Stage):
        stage.walk([says("", FIX, SUBMIT)])
        system, user = stage.asked[0].messages
        assert "/repo" in system.content and "20 s" in system.content
        assert "total([1, 2])" in user.content and "tests/test_prices.py::test_total" in user.content

    def test_done_too_early_is_sent_back(self, stage: Stage):
        ended = stage.walk([says("", SUBMIT), says("", WRONG, SUBMIT), says("", MEND), says("", SUBMIT)], refusals=5)
        assert "nothing is changed" in stage.told(2)
        assert "Have to pass and do not: tests/test_prices.py::test_total" in stage.told(3)
        assert ended.exit is ExitReason.SUBMITTED and ended.stats["refused"] == 2

    def test_how_often_it_is_sent_back_is_said(self, stage: Stage):
        stage.walk([says("", WRONG, SUBMIT), says("", SUBMIT), says("", SUBMIT)], refusals=2)
        assert "at most 2 times" in stage.asked[0].messages[0].content
        assert "1 more will be sent back" in stage.told(2) and "no more will be sent back" in stage.told(3)

    def test_what_breaks_other_tests_is_sent_back(self, stage: Stage):
        stage.walk([says("", FIX, BREAK, SUBMIT), says("", replace("return max", "return min"), SUBMIT)])
        assert "Passed before and do not now: tests/test_prices.py::test_cheapest" in stage.told(2)

    def test_a_waiver_ends_it_and_is_kept(self, stage: Stage):
        waived = call("submit", summary="s", waiver="the test is wrong")
        ended = stage.walk([says("", WRONG), says("", waived)])
        assert ended.exit is ExitReason.SUBMITTED
        assert ended.candidates[0].claims["waiver"] == "the test is wrong"
        assert ended.candidates[0].claims["proven"] == "false"

    def test_stubbornness_ends_it_unproven(self, stage: Stage):
        ended = stage.walk([says("", WRONG), *[says("", SUBMIT)] * 3], refusals=2)
        assert ended.exit is ExitReason.SUBMITTED and ended.detail == "submitted without evidence"

    def test_the_best_state_is_delivered_not_the_last(self, stage: Stage):
        undo = replace("result += price", "result = price")
        ended = stage.walk(
            [
                says("", BREAK, SUBMIT),
                says("", replace("return max", "return min"), FIX, call("submit", summary="x", waiver=""), undo),
            ],
            turns=2,
        )
        # The check sees the tree after all calls of the turn: the fix was undone, so nothing was ever proven.
        assert ended.candidates[0].claims["proven"] == "false"
        ended = stage.walk([], turns=2)
        assert ended.exit is ExitReason.SUBMITTED, "the second walk is served from the journal"

    def test_without_a_target_a_probe_is_asked_for(self, blind: Stage):
        ended = blind.walk([says("", FIX, SUBMIT), says("", call("write_probe", content=PROBE)), says("", SUBMIT)])
        assert "write a probe" in blind.told(2)
        assert "exit code 2" in blind.told(3) and "total is -3" in blind.told(3)
        assert ended.candidates[0].claims["probe"] == "present -> fixed"
        assert ended.candidates[0].claims["proven"] == "true"
        assert ".winnow" not in ended.candidates[0].patch.diff

    def test_an_exception_that_is_the_problem_has_to_be_caught(self, blind: Stage):
        raising = call("write_probe", content="from shop.prices import total\nassert total([1]) == 1\n")
        blind.walk([says("", raising), says("", FIX)], turns=2)
        assert "catch it in the script and exit with 2" in blind.told(2)

    def test_a_probe_that_shows_nothing_is_no_evidence(self, blind: Stage):
        lying = call("write_probe", content="print('all is well')\n")
        ended = blind.walk([says("", FIX, lying), *[says("", SUBMIT)] * 3])
        assert ended.candidates[0].claims["proven"] == "false"

    def test_a_test_of_the_repository_is_a_probe(self, blind: Stage):
        old = "def test_cheapest():"
        new = f"def test_more():\n    assert total(map(int, open('tests/numbers.txt').read().split())) == 6\n\n\n{old}"
        add = replace(old, new, path="tests/test_prices.py")
        mend = replace("== 6", "== 6  # and no less", path="tests/test_prices.py")
        helper = call("edit", edits=[{"op": "create", "path": "tests/numbers.txt", "new": "1 2 3"}])
        probe = call("write_probe", test="tests/test_prices.py::test_more")
        ended = blind.walk([says("", add, helper, probe), says("", FIX, mend), says("", SUBMIT)])
        assert "the problem is present" in blind.told(2) and "assert -6 == 6" in blind.told(2), "with what it reads"
        (candidate,) = ended.candidates
        assert candidate.claims["probe"] == "present -> fixed" and candidate.claims["proven"] == "true"
        assert "and no less" in candidate.patch.diff, "a later edit of the test is not undone"

    def test_what_was_dropped_of_a_reply_is_said_with_the_next_answer(self, stage: Stage):
        said = says("", FIX).model_copy(update={"note": "All behind it was dropped."})
        hasty = says("", SUBMIT).model_copy(update={"note": "Dropped again."})
        silent = says("I wonder").model_copy(update={"note": "Nothing was read."})
        ended = stage.walk([said, silent, hasty])
        assert "All behind it was dropped." in stage.told(2)
        assert "Nothing was read." in stage.told(3) and "Nothing was read." not in stage.told(2)
        assert ended.exit is ExitReason.SUBMITTED

    def test_a_submission_by_another_name(self, stage: Stage):
        odd = SUBMIT.model_copy(update={"name": " functions.submit"})
        ended = stage.walk([says("", FIX, odd)])
        assert ended.exit is ExitReason.SUBMITTED and ended.candidates[0].summary == "Prices are added."


class TestFailingTestsThatNobodyNamed:
    def stage(self, stage: Stage, body: str) -> Stage:
        issue = stage.brief.task.issue
        assert issue is not None
        task = stage.brief.task.model_copy(
            update={"failing_tests": (), "issue": issue.model_copy(update={"title": "A bug", "body": body})}
        )
        return Stage(stage.brief.model_copy(update={"task": task}), stage.open_workspace, stage.folder)

    def test_one_that_belongs_to_the_issue_has_to_pass(self, stage: Stage):
        related = self.stage(stage, "`total([1, 2])` gives -3.")
        ended = related.walk(
            [says("", WRONG, call("write_probe", content="raise SystemExit(2)")), says("", SUBMIT)], turns=2
        )
        assert "seem to belong to the issue" in related.asked[0].messages[1].content
        assert ended.candidates[0].claims["proven"] == "false"
        again = replace_folder(related, "again")
        ended = again.walk([says("", WRONG), says("", SUBMIT), says("", MEND, SUBMIT)])
        assert "Have to pass and do not: tests/test_prices.py::test_total" in again.told(3)
        assert ended.candidates[0].claims["proven"] == "true"

    def test_one_that_does_not_may_fail(self, stage: Stage):
        other = self.stage(stage, "`cheapest` should give a list.")
        probe = "import sys\nfrom shop.prices import cheapest\nsys.exit(0 if cheapest([3, 1]) == [1] else 2)\n"
        add = "def test_cheapest():\n    assert cheapest([2, 1]) == 1\n"
        fix = call(
            "edit",
            edits=[
                {"path": "shop/prices.py", "old": "return min(prices)", "new": "return [min(prices)]"},
                {"path": "tests/test_prices.py", "old": add, "new": add.replace("== 1", "== [1]")},
            ],
        )
        ended = other.walk([says("", fix, call("write_probe", content=probe)), says("", SUBMIT)])
        assert "may have nothing to do with the issue" in other.asked[0].messages[1].content
        assert ended.candidates[0].claims["proven"] == "true"


class TestEndings:
    def test_a_rejection_in_the_middle_is_this_conversation_s_own(self, stage: Stage):
        ended = stage.walk([says("", FIX), ModelRejected("messages[7] is odd")])
        assert ended.exit is ExitReason.MODEL_FAILED and ended.candidates[0].claims["proven"] == "true"

    def test_an_empty_reply_does_not_stay_empty(self, stage: Stage):
        """Some endpoints reject every later request of a conversation that holds an empty message."""
        stage.walk([says(""), says("", FIX, SUBMIT)])
        assert all(message.content or message.tool_calls for message in stage.asked[-1].messages)

    def test_replies_that_are_always_cut_off_end_it(self, stage: Stage):
        cut = says("words").model_copy(update={"finish": "length"})
        ended = stage.walk([cut] * 3, turns=40)
        assert ended.exit is ExitReason.EXHAUSTED and ended.stats["turns"] == 3

    def test_the_last_turn_is_announced_and_its_work_kept(self, stage: Stage):
        ended = stage.walk([says("", call("shell", command="ls")), says("", FIX)], turns=2)
        assert "last turn: the limit of 2 turns" in stage.told(2)
        assert ended.candidates[0].claims["proven"] == "true", "the work of the last turn was checked"

    def test_silence_ends_it(self, stage: Stage):
        ended = stage.walk([says("", FIX), *[says("I wonder")] * 3])
        assert ended.exit is ExitReason.EXHAUSTED and "called no tool" in ended.detail
        assert "called no tool" in stage.told(3)
        assert ended.candidates

    def test_a_cut_reply_runs_nothing(self, stage: Stage):
        cut = Reply(
            message=Message(role="assistant", tool_calls=(FIX,)),
            finish="length",
            usage=Usage(calls=1),
            model="scripted",
        )
        ended = stage.walk([cut, says("", FIX, SUBMIT)])
        assert "cut off at 1000 tokens" in stage.told(2)
        assert not any(message.tool_calls for message in stage.asked[1].messages)
        assert ended.exit is ExitReason.SUBMITTED

    def test_the_budget_winds_it_down(self, stage: Stage):
        ended = stage.walk([says("", call("shell", command="ls")), says("", FIX)], budget=BudgetLimits(calls=2))
        assert "budget is nearly spent" in stage.told(2)
        assert ended.candidates[0].claims["proven"] == "true"

    def test_no_budget_at_all(self, stage: Stage):
        ended = stage.walk([], budget=BudgetLimits(calls=0))
        assert ended.exit is ExitReason.OUT_OF_BUDGET and not ended.candidates

    def test_an_endpoint_that_goes_away_keeps_the_work(self, stage: Stage):
        ended = stage.walk([says("", FIX), ModelUnavailable("gone", retryable=False)])
        assert ended.exit is ExitReason.MODEL_FAILED and ended.candidates[0].claims["proven"] == "true"

    def test_a_full_context_makes_room_once(self, stage: Stage):
        looks = [says("", call("shell", command=f"seq {n} 500")) for n in range(12)]
        ended = stage.walk([*looks, ContextFull("too long"), says("", FIX, SUBMIT)])
        assert any("taken out" in message.content for message in stage.asked[-1].messages)
        assert ended.exit is ExitReason.SUBMITTED

    def test_a_model_with_a_short_memory_goes_on_with_its_last_observations(self, stage: Stage):
        def answer(request: ChatRequest) -> Reply | ContextFull:
            if sum(len(message.content) for message in request.messages[2:]) > 4000:
                return ContextFull("too long")
            replies = sum(message.role == "assistant" for message in request.messages)
            return says("", call("shell", command=f"seq {replies} 600")) if replies < 6 else says("", FIX, SUBMIT)

        ended = stage.walk(answer)
        assert ended.exit is ExitReason.SUBMITTED and ended.candidates[0].claims["proven"] == "true"

    def test_the_journal_grows_with_the_conversation_and_no_faster(self, stage: Stage):
        sizes: dict[int, int] = {}
        for turns in (10, 20, 40):
            again = replace_folder(stage, f"turns-{turns}")
            again.walk([*[says("", call("shell", command="seq 200"))] * turns, says("", FIX, SUBMIT)])
            sizes[turns] = (again.folder / "events.jsonl").stat().st_size
        assert sizes[40] - sizes[20] == pytest.approx(2 * (sizes[20] - sizes[10]), rel=0.05)

    def test_a_context_that_stays_full_ends_it(self, stage: Stage):
        ended = stage.walk([says("", FIX), ContextFull("too long")])
        assert ended.exit is ExitReason.EXHAUSTED and ended.candidates

    def test_a_model_that_nobody_knows_ends_the_run(self, stage: Stage):
        with pytest.raises(ModelRejected):
            stage.walk([ModelRejected("no such model")])

    def test_wrong_calls_are_answered(self, stage: Stage):
        ended = stage.walk([says("", call("bash", command="ls"), call("edit", edits="?")), says("", FIX, SUBMIT)])
        assert "Did you mean `shell`" in stage.told(2)
        assert ended.exit is ExitReason.SUBMITTED


class TestIterate:
    def test_probe_first_then_both_sides(self, blind: Stage):
        ended = blind.walk(
            [
                says("", call("write_probe", content=PROBE)),
                says("", call("accept_probe", reason="negative")),
                says("", WRONG),
                says("", MEND),
                says("", SUBMIT),
            ],
            strategy="iterate",
        )
        assert "The probe on the base commit: exit code 2" in blind.told(2)
        told = blind.told(4)
        assert "-        result -= price" in told
        assert "The probe on the base commit: exit code 2" in told
        assert "The probe with your change: exit code 2" in told and "total is 0" in told
        assert "exit code 0" in blind.told(5)
        assert ended.exit is ExitReason.SUBMITTED and ended.candidates[0].claims["proven"] == "true"

    @pytest.mark.parametrize(("tokens", "kept"), [(500, True), (31_000, False)])
    def test_a_long_history_is_cleared_in_between(self, blind: Stage, tokens: int, kept: bool):
        spent = Usage(calls=1, input_tokens=tokens)
        blind.walk(
            [
                says(
                    "secret thought", call("write_probe", content=PROBE), call("accept_probe", reason="r"), usage=spent
                ),
                says("", FIX),
                says("", SUBMIT),
            ],
            strategy="iterate",
        )
        second = blind.asked[1].messages
        assert any("secret thought" in message.content for message in second) is kept
        if not kept:
            assert PROBE.splitlines()[1] in second[-1].content and "What it shows: r" in second[-1].content

    def test_a_probe_without_the_problem_is_not_accepted(self, blind: Stage):
        blind.walk(
            [
                says("", call("write_probe", content="print(1)\n"), call("accept_probe", reason="r")),
                says("", call("write_probe", content=PROBE), call("accept_probe", reason="r")),
                says("", FIX, SUBMIT),
            ],
            strategy="iterate",
        )
        assert "has to exit with 2" in blind.told(2)

    def test_the_third_of_many_states_is_delivered_when_the_eighth_is_broken(self, stage: Stage):
        tries = ["result *= price", "result = price", "result += price", "result //= 1", "result %= 7", "result |= 8"]
        lines = ["result -= price", *tries]
        edits = [says("", replace(old, new)) for old, new in zip(lines, tries, strict=False)]
        script = [says("", call("write_probe", content=PROBE), call("accept_probe", reason="r")), *edits]
        ended = stage.walk(script, strategy="iterate", iterations=6, turns=30)
        assert "result += price" in ended.candidates[0].patch.diff
        assert ended.candidates[0].claims["proven"] == "true"

    def test_checks_are_limited(self, stage: Stage):
        flip = [("result -= price", "result *= price"), ("result *= price", "result -= price * 1")]
        script = [says("", call("write_probe", content=PROBE), call("accept_probe", reason="r"))]
        script += [says("", replace(*pair)) for pair in flip]
        script += [says("", replace("result -= price * 1", "result += price"))]
        ended = stage.walk(script, strategy="iterate", iterations=2, turns=30)
        assert "limit of 2 checks" in stage.told(4)
        assert ended.candidates[0].claims["proven"] == "true"

    def test_nothing_is_changed_before_the_problem_is_shown(self, blind: Stage):
        shell = call("shell", command="echo 'x = 1' >> shop/prices.py")
        ended = blind.walk(
            [
                says("", FIX, SUBMIT, shell, call("write_probe", content=PROBE), call("accept_probe", reason="r")),
                says("", FIX),
                says("", SUBMIT),
            ],
            strategy="iterate",
        )
        texts = [message.content for message in blind.asked[1].messages]
        assert sum("first show the problem" in text for text in texts) >= 2
        assert "x = 1" not in ended.candidates[0].patch.diff, "what the shell changed was taken back"
        assert ended.candidates[0].claims["proven"] == "true"

    def test_what_is_not_shown_is_not_said_to_be(self, blind: Stage):
        looks = [says("", call("shell", command="ls"))] * 2
        blind.walk([*looks, says("", FIX), says("", SUBMIT)], strategy="iterate", turns=6)
        assert "No probe shows the problem so far" in blind.told(3) and "problem is shown" not in blind.told(3)
        idle = replace_folder(blind, "idle")
        idle.walk(
            [says("", call("write_probe", content="print(1)\n")), *looks[:1], says("", FIX), says("", SUBMIT)],
            strategy="iterate",
            turns=6,
        )
        assert "does not show the problem so far" in idle.told(3)

    def test_a_round_makes_the_difference_to_base_once(self, stage: Stage, monkeypatch: pytest.MonkeyPatch):
        made: list[int] = []
        real = Workspace.diff
        monkeypatch.setattr(Workspace, "diff", lambda self: made.append(1) or real(self))
        script = [
            says("", call("write_probe", content=PROBE), call("accept_probe", reason="r")),
            says("", WRONG),
            says("", MEND),
        ]
        stage.walk([*script, says("", SUBMIT)], strategy="iterate")
        assert len(made) == 1 + 2 + 1, "the probe on base, two rounds, the submission"


class TestSingle:
    def test_locate_then_everything_at_once(self, stage: Stage):
        place = {"path": "shop/prices.py", "symbols": ["total"]}
        ended = stage.walk([says("", call("locate", places=[place])), says("", FIX, SUBMIT)], strategy="single")
        assert "result -= price" in stage.told(2)
        assert {spec.name for spec in stage.asked[1].tools} == {"view", "search", "edit", "submit", "locate"}
        assert stage.asked[0].tools == stage.asked[1].tools, (
            "a list of tools that changes is a prompt that no cache holds"
        )
        assert ended.candidates[0].claims["proven"] == "true"

    def test_an_edit_that_does_not_fit_is_asked_for_again(self, stage: Stage):
        located = says("", call("locate", places=[{"path": "shop/prices.py"}, {"path": "nowhere.py"}]))
        ended = stage.walk(
            [located, says("", replace("no such text", "x"), SUBMIT), says("", FIX, SUBMIT)], strategy="single"
        )
        assert "nowhere.py: " in stage.told(2)
        assert "an edit was not made" in stage.told(3)
        assert ended.candidates[0].claims["proven"] == "true"


class TestResume:
    def test_paid_replies_are_served_and_tools_run_again(self, stage: Stage):
        first = stage.walk(
            [says("", call("shell", command="date +%N")), says("", FIX), ModelUnavailable("cut", retryable=False)]
        )
        assert first.exit is ExitReason.MODEL_FAILED
        second = stage.walk([says("", SUBMIT)])
        assert len(stage.asked) == 1, "only the third call was paid again"
        assert second.exit is ExitReason.SUBMITTED
        assert second.candidates[0].patch == first.candidates[0].patch
        assert second.usage.calls == 3

    @pytest.mark.parametrize("strategy", ["react", "iterate", "single"])
    def test_killed_after_any_event_nothing_is_paid_twice_and_the_patch_is_the_same(self, stage: Stage, strategy: str):
        def answer(request: ChatRequest) -> Reply:
            """By what the conversation holds, so that it fits whatever was served before."""
            told = [message.content for message in request.messages if message.role != "system"]
            tools = {spec.name for spec in request.tools}
            replies = sum(message.role == "assistant" for message in request.messages)
            if replies == 0 and "accept_probe" in tools:
                return says("", call("write_probe", content=PROBE), call("accept_probe", reason="r"))
            if replies == 0 and "locate" in tools:
                return says("", call("locate", places=[{"path": "shop/prices.py"}]))
            if replies == 0 and "shell" in tools:
                return says("", call("shell", command="date +%N; echo $RANDOM"))
            if not any("result += price" in text for text in told):
                return says("", FIX) if "shell" in tools else says("", FIX, SUBMIT)
            return says("", SUBMIT)

        whole = stage.walk(answer, strategy=strategy)
        calls, events = len(stage.asked), len(stage.events)
        assert whole.exit is ExitReason.SUBMITTED or strategy == "single"
        for kill_at in range(events):
            again = replace_folder(stage, f"kill-{kill_at}")
            with pytest.raises(Killed):
                again.walk(answer, strategy=strategy, kill_at=kill_at)
            first = len(again.asked)
            resumed = again.walk(answer, strategy=strategy)
            assert first + len(again.asked) == calls, f"killed after event {kill_at}"
            assert resumed.candidates[0].patch == whole.candidates[0].patch
            assert resumed.usage == whole.usage
