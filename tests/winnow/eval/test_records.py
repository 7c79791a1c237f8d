"""What a batch's processes hand over and write down."""

import pickle
from pathlib import Path

from envs.grading.values import Grade
from sandbox.errors import WinnowError
from winnow.errors import RunUnusable
from winnow.eval.folder import GRADES, BatchDir
from winnow.eval.grading import PatchGrade
from winnow.eval.processes import _sendable


class Stubborn(Exception):
    def __reduce__(self) -> str:
        raise TypeError("it cannot be sent")


class StubbornOfOurs(Stubborn, RunUnusable):
    """With a code of its own, as every error of ours."""


def test_a_defect_that_cannot_be_sent_is_still_a_defect() -> None:
    """A `WinnowError` would end the whole batch."""
    sent = pickle.loads(pickle.dumps(_sendable(Stubborn("why"))))
    assert not isinstance(sent, WinnowError) and "Stubborn: why" in str(sent)
    ours = _sendable(StubbornOfOurs("why", hint="how"))
    assert isinstance(ours, WinnowError) and ours.hint == "how"


def test_a_line_that_a_kill_cut_short_makes_place_for_the_next(tmp_path: Path) -> None:
    folder = BatchDir(tmp_path)
    one = PatchGrade(task_id="a", digest="0", grade=Grade(task_id="a", status="resolved", reason="."))
    folder.append(GRADES, one)
    with (tmp_path / GRADES).open("ab") as file:
        file.write(b'{"task_id": "b')
    folder.append(GRADES, one)
    folder.append(GRADES, one)
    assert list(folder.read(GRADES, PatchGrade)) == [one] * 3
