"""Datasets in every form, and what is said of bad ones."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from envs.datasets.load import Dataset, load_dataset
from envs.datasets.pick import Pick
from envs.errors import DatasetUnusable

ROW: dict[str, Any] = {
    "instance_id": "some__thing-1",
    "repo": "some/thing",
    "base_commit": "0123456789abcdef0123456789abcdef01234567",
    "problem_statement": "It breaks\n\nwhen it is used",
    "hints_text": "CANARY-hint",
    "patch": "CANARY-patch",
    "test_patch": "CANARY-test-patch",
    "FAIL_TO_PASS": '["CANARY::a"]',
    "PASS_TO_PASS": ["CANARY::b"],
    "eval_script": "CANARY-script",
    "version": "1.2",
    "unheard_of": "CANARY-column",
}


def rows(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{**ROW, "instance_id": name, **more} for name in names]


def write(path: Path, text: str) -> str:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz", "d.json", "d.json.gz", "lines.json"])
def test_every_form_says_the_same(tmp_path: Path, name: str) -> None:
    found = rows("a", "b")
    text = json.dumps(found) if name.startswith("d.json") and "jsonl" not in name else "\n".join(map(json.dumps, found))
    read = load_dataset(write(tmp_path / name, text))
    assert [record.task.id for record in read.records] == ["a", "b"]
    assert read.gold["a"].fail_to_pass == ("CANARY::a",)
    assert read.gold["b"].pass_to_pass == ("CANARY::b",)


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import Table, parquet

    parquet.write_table(Table.from_pylist(rows("a", "b")), tmp_path / "test.parquet")
    assert len(load_dataset(str(tmp_path / "test.parquet")).records) == 2
    assert len(load_dataset(str(tmp_path), split="test").records) == 2


def test_nothing_of_gold_is_in_what_solvers_see(tmp_path: Path) -> None:
    read = load_dataset(write(tmp_path / "d.jsonl", json.dumps(ROW)))
    assert "CANARY" not in read.records[0].model_dump_json()
    assert read.records[0].task.issue is not None
    assert read.records[0].task.issue.text == "It breaks\n\nwhen it is used"
    assert "CANARY-hint" in load_dataset(str(tmp_path / "d.jsonl"), hints=True).records[0].model_dump_json()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base_commit": None}, "base_commit: it is missing"),
        ({"base_commit": "main"}, "is no commit"),
        ({"FAIL_TO_PASS": "[not json"}, "FAIL_TO_PASS: it is not JSON"),
        ({"FAIL_TO_PASS": {"a": 1}}, "FAIL_TO_PASS: it is no list"),
        ({"FAIL_TO_PASS": []}, "FAIL_TO_PASS: it names no test"),
        ({"repo": 3}, "repo: it is a int"),
        ({"instance_id": "../../etc"}, "no name for a task"),
        ({"instance_id": "a"}, "stands also at"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    text = "\n".join(map(json.dumps, [*rows("a"), {**ROW, "instance_id": "b", **change}]))
    with pytest.raises(DatasetUnusable) as caught:
        load_dataset(write(tmp_path / "d.jsonl", text))
    assert said in str(caught.value)
    assert "d.jsonl:2" in str(caught.value)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    for text, said in ((json.dumps(ROW) + '\n{"x"', ":2 is not JSON"), ("3", "is no object"), ("", "has no tasks")):
        with pytest.raises(DatasetUnusable, match=said):
            load_dataset(write(tmp_path / "d.jsonl", text))
    with pytest.raises(DatasetUnusable, match="There is no file"):
        load_dataset(str(tmp_path / "absent.jsonl"))
    with pytest.raises(DatasetUnusable, match="There is no dataset 'nonsense'"):
        load_dataset("nonsense")


def picked(tmp_path: Path, **pick: Any) -> list[str]:
    source = write(tmp_path / "d.jsonl", "\n".join(map(json.dumps, rows("b-2", "a-1", "a-2", "c-1"))))
    read: Dataset = load_dataset(source, pick=Pick(**pick))
    assert set(read.gold) == {record.task.id for record in read.records}
    return [record.task.id for record in read.records]


def test_picks(tmp_path: Path) -> None:
    assert picked(tmp_path) == ["b-2", "a-1", "a-2", "c-1"]
    assert picked(tmp_path, ids=("c-1", "b-2")) == ["b-2", "c-1"]
    assert picked(tmp_path, filter="a-") == ["a-1", "a-2"]
    assert picked(tmp_path, slice="1:3") == ["a-1", "a-2"]
    assert picked(tmp_path, slice="2") == ["b-2", "a-1"]
    assert picked(tmp_path, shuffle=1) == picked(tmp_path, shuffle=1, slice="0:4") != picked(tmp_path, shuffle=2)
    for pick, said in (
        ({"ids": ("x",)}, "no task x"),
        ({"filter": "("}, "no regular"),
        ({"slice": "a"}, "no slice"),
        ({"slice": "9:"}, "No task"),
    ):
        with pytest.raises(DatasetUnusable, match=said):
            picked(tmp_path, **pick)


def test_look_alikes(tmp_path: Path) -> None:
    config = {"python": "3.9", "install": "pip install -e .", "pip_packages": ["pytest"], "test_cmd": "pytest -rA"}
    rebench = {
        **ROW,
        "docker_image": "some/image",
        "requirements": "a==1\n# no\nb==2",
        "install_config": json.dumps(config),
    }
    record = load_dataset(write(tmp_path / "rebench.jsonl", json.dumps(rebench))).records[0]
    assert record.image == "some/image"
    assert record.installation is not None
    assert (record.installation.python, record.installation.requirements) == (("3.9",), ("a==1", "b==2"))

    smith = {k: ROW[k] for k in ("instance_id", "problem_statement", "FAIL_TO_PASS", "PASS_TO_PASS", "patch")}
    smith |= {"repo": "swesmith/some__thing.01234567", "image_name": "swebench/swesmith.x86_64.thing"}
    read = load_dataset(write(tmp_path / "smith.jsonl", json.dumps(smith)))
    assert read.gold["some__thing-1"].patch.is_empty  # theirs is the bug
    assert read.records[0].image == "swebench/swesmith.x86_64.thing"

    r2e = {
        "repo_name": "thing",
        "docker_image": "r2e/thing",
        "commit_hash": "a" * 40,
        "problem_statement": "[ISSUE]\nBroken\n[/ISSUE]",
        "parsed_commit_content": json.dumps({"old_commit_hash": "b" * 40}),
        "expected_output_json": json.dumps({"T.a": "PASSED", "T.b": "FAILED"}),
        "execution_result_content": json.dumps({"test_file_names": ["test_1.py"], "test_file_codes": ["x = 1\n"]}),
    }
    read = load_dataset(write(tmp_path / "r2e.jsonl", json.dumps(r2e)))
    (record,) = read.records
    assert (record.base_commit, record.task.issue.text if record.task.issue else "") == ("b" * 40, "Broken")
    assert read.gold[record.task.id].fail_to_pass == ("T.a",)
    assert "r2e_tests/test_1.py" in read.gold[record.task.id].test_patch.diff
    with pytest.raises(DatasetUnusable, match="no name of a repository"):
        load_dataset(write(tmp_path / "r2e.jsonl", json.dumps({**r2e, "repo_name": "../../thing"})))


@pytest.mark.parametrize("data", [b"[" * 100_000, b"\x1f\x8b" + bytes(range(60))])
def test_files_that_are_broken_are_said_to_be_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "rows.json").write_bytes(data)
    with pytest.raises(DatasetUnusable, match=r"rows\.json"):
        load_dataset(str(tmp_path / "rows.json"))


def test_strange_descriptions_of_an_environment(tmp_path: Path) -> None:
    odd = {**ROW, "problem_statement": "half \ud800", "install_config": {"python": 3.9, "install": 5}}
    (record,) = load_dataset(write(tmp_path / "odd.jsonl", json.dumps(odd))).records
    assert record.installation is not None and record.installation.python == ("3.9",)
    assert record.task.issue is not None and record.task.issue.text == "half ?"
    with pytest.raises(DatasetUnusable, match="env_vars is no object"):
        load_dataset(write(tmp_path / "env.jsonl", json.dumps({**ROW, "install_config": {"env_vars": [1]}})))
