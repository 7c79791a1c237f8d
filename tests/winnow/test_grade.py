"""What is graded, before any machine is needed."""

from pathlib import Path
from typing import Any, cast

import pytest

from envs.datasets.load import Dataset
from envs.errors import DatasetUnusable
from envs.grading.predictions import Prediction
from envs.values import Patch
from winnow.grade import Campaign


def test_two_patches_under_one_name_are_refused_whichever_files_they_stand_in(tmp_path: Path) -> None:
    campaign = Campaign(
        Dataset(records=(), gold={}),
        cast(Any, None),
        out=tmp_path,
        run_id="run",
        timeout_s=1,
        report=lambda *_: None,
        stop=lambda: None,
    )
    one, other = (Prediction(task_id="t", system="s", patch=Patch(diff=diff)) for diff in ("a", "b"))
    with pytest.raises(DatasetUnusable, match="two patches of s for t"):
        campaign.run([one, one, other], workers=1, source="", split="")
    assert campaign.run([one, one], workers=1, source="", split="").strangers == ("t",)
