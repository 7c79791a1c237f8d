"""The strategy that writes tests and changes nothing."""

import json
from typing import Any

import pytest

from agent.models.errors import ModelUnavailable
from agent.models.scripted import says
from agent.values import ExitReason
from tests.agent.trajectory.conftest import PROBE, Killed, Stage, call

OTHER = PROBE.replace("[1, 2]", "[5]").replace("== 3", "== 5")
FLAT = "import sys\nsys.exit(0)\n"
IN_SUITE = "from shop.prices import total\n\n\ndef test_one():\n    assert total([4]) == 4\n"
KEEP, FINISH = call("keep_probe", reason="totals are sums"), call("finish")


def write(content: str, **more: Any) -> Any:
    return call("write_probe", content=content, **more)


def test_several_tests_are_seen_on_base_and_kept(stage: Stage) -> None:
    ended = stage.walk(
        [
            says("", call("view", path="shop/prices.py")),
            says("", write(PROBE), KEEP),
            says("", write(FLAT), KEEP),
            says("", write(OTHER)),
            says("", KEEP),
            says("", write(IN_SUITE, path="tests/test_one.py"), KEEP, FINISH),
        ],
        strategy="probes",
    )
    assert [(probe.kind, probe.content) for probe in ended.probes] == [
        ("script", PROBE),
        ("script", OTHER),
        ("test", IN_SUITE),
    ]
    assert (ended.exit, ended.detail, ended.candidates) == (ExitReason.SUBMITTED, "3 probes", ())
    assert "Kept as probe 1 of at most 6" in stage.told(3) and "total is -3" in stage.told(3)
    assert "Not kept: it has to show the problem" in stage.told(4)
    names = {tool.name for tool in stage.asked[0].tools}
    assert names >= {"write_probe", "keep_probe", "finish", "shell", "view"} and not names & {"edit", "submit"}
    assert "test engineer" in stage.asked[0].messages[0].content


def test_answers_of_tools_come_before_what_the_loop_says(stage: Stage) -> None:
    stage.walk([says("", write(PROBE), KEEP, call("view", path="shop/prices.py")), says("", FINISH)], strategy="probes")
    assert [message.role for message in stage.asked[1].messages[2:]] == ["assistant", "tool", "tool", "tool", "user"]


def test_one_test_counts_once_and_no_more_are_kept_than_asked_for(stage: Stage) -> None:
    ended = stage.walk(
        [says("", KEEP, write(PROBE), KEEP, KEEP), says("", write(OTHER), KEEP)], strategy="probes", probes=2
    )
    assert len(ended.probes) == 2
    assert "there is no probe yet" in stage.told(2) and "this very probe is kept already" in stage.told(2)


def test_a_change_to_the_code_does_not_reach_the_base(stage: Stage) -> None:
    """What the shell did to the tree is not there when a test is run on base."""
    mend = call("shell", command="sed -i 's/-=/+=/' shop/prices.py")
    ended = stage.walk([says("", mend), says("", write(PROBE), KEEP, FINISH)], strategy="probes")
    assert len(ended.probes) == 1 and ended.candidates == ()


def test_it_keeps_what_it_has_when_it_may_not_go_on(stage: Stage) -> None:
    ended = stage.walk([says("", write(PROBE), KEEP), ModelUnavailable("down")], strategy="probes")
    assert (ended.exit, len(ended.probes)) == (ExitReason.MODEL_FAILED, 1)


def test_its_last_turn_is_said_and_still_keeps(stage: Stage) -> None:
    ended = stage.walk([says("Hm."), says("", write(PROBE), KEEP)], strategy="probes", turns=2)
    assert "call `finish`" in stage.told(2) and "This is your last turn" in stage.told(2)
    assert "submit" not in json.dumps([message.content for message in stage.asked[1].messages])
    assert len(ended.probes) == 1


def test_a_killed_one_goes_on(stage: Stage) -> None:
    script = [says("", write(PROBE), KEEP), says("", write(OTHER), KEEP), says("", FINISH)]
    with pytest.raises(Killed):
        stage.walk(script, strategy="probes", kill_at=1)
    ended = stage.walk(script[2:], strategy="probes")
    assert len(ended.probes) == 2 and len(stage.asked) == 1
