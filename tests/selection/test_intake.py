"""Candidates from folders, predictions, published lists and stored pools."""

import gzip
import json
from pathlib import Path

import pytest

from selection.errors import PoolUnusable
from selection.intake import read_candidates
from selection.stored import StoredCandidate, StoredPool, write_values

DIFF = "--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n"


def lines(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def test_a_folder_of_diffs(tmp_path: Path) -> None:
    for name in (
        "one.diff",
        "sys--two.patch",
        "agent/three.diff",
        "agent/deep/four.diff",
        ".hidden/x.diff",
        "notes.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(DIFF)
    found = read_candidates([tmp_path])
    assert [(c.id, c.family) for c in found.candidates] == [
        ("agent/deep/four", "agent"),
        ("agent/three", "agent"),
        ("one", ""),
        ("sys--two", "sys"),
    ]
    assert (found.task_id, found.candidates[0].patch) == ("", DIFF)


def test_predictions_of_several_systems(tmp_path: Path) -> None:
    record = {"instance_id": "t", "model_patch": DIFF, "model_name_or_path": "one"}
    (tmp_path / "preds.json").write_text(json.dumps({"t": record, "u": {**record, "instance_id": "u"}}))
    other = lines(tmp_path / "other.jsonl", {**record, "model_name_or_path": "two", "model_patch": None})
    (tmp_path / "list.json.gz").write_bytes(gzip.compress(json.dumps([record]).encode()))
    found = read_candidates([tmp_path / "preds.json", other, tmp_path / "list.json.gz"], task="t")
    assert [(c.id, c.family, c.patch) for c in found.candidates] == [
        ("c000", "one", DIFF),
        ("c001", "two", ""),
        ("c002", "one", DIFF),
    ]


def test_published_patches_are_named_as_conversion_names_them(tmp_path: Path) -> None:
    place = lines(
        tmp_path / "c.jsonl",
        {"instance_id": "t", "patch": DIFF, "source": "s", "family": "f", "sample": 3, "claimed_resolved": True},
        {"instance_id": "u", "patch": DIFF},
        {"instance_id": "t", "patch": DIFF, "source": "s"},
    )
    found = read_candidates([place], task="t").candidates
    assert [(c.id, c.family, c.trajectory_id) for c in found] == [("c000", "f", "s #3"), ("c001", "s", "s c001")]
    assert "claimed" not in "".join(c.model_dump_json() for c in found)


def test_a_stored_pool_brings_its_names_and_its_issue(tmp_path: Path) -> None:
    pools = [
        StoredPool(task_id=t, issue=f"about {t}", candidates=(StoredCandidate(id="x7", patch=DIFF),)) for t in "tu"
    ]
    write_values(tmp_path / "pools.jsonl.gz", pools)
    found = read_candidates([tmp_path / "pools.jsonl.gz"], task="u")
    assert (found.task_id, found.issue, [c.id for c in found.candidates]) == ("u", "about u", ["x7"])


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "holds no candidates"),
        ('{"instance_id": "t"}', "is no candidate"),
        ("no json\n", "line 1 is no JSON"),
        ('{"instance_id": "t", "patch": "x"}\n{"instance_id": "u", "patch": "y"}', "is about 2 tasks"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "c.jsonl").write_text(content)
    with pytest.raises(PoolUnusable, match=message) as raised:
        read_candidates([tmp_path / "c.jsonl"])
    assert raised.value.hint


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    place = lines(tmp_path / "c.jsonl", {"instance_id": "t", "patch": DIFF})
    with pytest.raises(PoolUnusable, match="holds nothing for task v"):
        read_candidates([place], task="v")
    with pytest.raises(PoolUnusable, match="does not exist"):
        read_candidates([tmp_path / "none"])
    with pytest.raises(PoolUnusable, match="Two candidates have one name"):
        (tmp_path / "a.diff").write_text(DIFF)
        read_candidates([tmp_path / "a.diff", tmp_path / "a.diff"])


def test_other_signs_than_line_ends_end_no_record(tmp_path: Path) -> None:
    """As JSON without escapes holds them: U+2028 and U+0085."""
    record = {"instance_id": "t", "model_patch": f"{DIFF}\u2028\u0085"}
    (tmp_path / "p.jsonl").write_text("\n".join(json.dumps(record, ensure_ascii=False) for _ in range(2)))
    assert [one.patch for one in read_candidates([tmp_path / "p.jsonl"]).candidates] == [record["model_patch"]] * 2


def test_text_that_no_file_can_hold_is_put_right(tmp_path: Path) -> None:
    lines(tmp_path / "p.jsonl", {"instance_id": "t", "model_patch": "+\ud800"})
    assert read_candidates([tmp_path / "p.jsonl"]).candidates[0].patch == "+?"


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.json", b"[" * 100_000), ("a.json.gz", gzip.compress(b"[]" * 99, mtime=0)[:30] + b"x" * 30)],
    ids=["deep", "torn"],
)
def test_broken_files_are_said_to_be_so(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PoolUnusable, match=r"a\.json"):
        read_candidates([tmp_path / name])
