"""`winnow select ...` from the outside."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from selection.choose import choose
from selection.files import write_log
from tests.selection.evidence_kit import F, P, evidence
from tests.selection.test_report import published
from tests.selection.test_text_form import diff

ROOT = Path(__file__).parents[2]


def winnow(home: Path, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "from winnow.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "select", *map(str, argv)],
        cwd=home,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def pools(tmp_path: Path) -> Path:
    """Two tasks as published, converted: pools.jsonl and labels.jsonl."""
    wrong = diff(new="    return x")
    lines = [
        published(patch=wrong, family="a", claimed_resolved=False),
        published(family="b", claimed_resolved=True),
        published(family="c", claimed_resolved=True),
        published(instance_id="u", claimed_resolved=False),
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    done = winnow(tmp_path, "convert", "c.jsonl", "pools.jsonl", "--labels", "labels.jsonl")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 pools, 4 candidates, 4 labels\n", "")
    return tmp_path


def test_bench_prints_a_table(pools: Path) -> None:
    done = winnow(
        pools, "bench", "pools.jsonl", "--labels", "labels.jsonl", "--policy", "default,shortest", "--plot", "c.svg"
    )
    assert done.returncode == 0, done.stderr
    assert "random 33.3%, oracle 50.0%" in done.stdout
    rows = [line.split(" | ")[:2] for line in done.stdout.splitlines() if line.startswith(("| default", "| shortest"))]
    assert [row[0] for row in rows] == ["| default", "| shortest"]
    assert rows[0][1].startswith("50.0%")
    assert rows[1][1].startswith("0.0%")
    ElementTree.parse(pools / "c.svg")


def test_bench_prints_one_object(pools: Path) -> None:
    done = winnow(pools, "bench", "pools.jsonl", "--labels", "labels.jsonl", "--json")
    report = json.loads(done.stdout)
    assert {row["policy"] for row in report["comparison"]["rows"]} >= {
        "default",
        "fusion",
        "codemonkeys",
        "agentless",
        "r2egym",
    }
    assert report["comparison"]["oracle"] == 0.5


def test_dear_mistakes_make_it_abstain(pools: Path) -> None:
    done = winnow(pools, "bench", "pools.jsonl", "--policy", "default", "--price-of-wrong", "99", "--json")
    assert [(h["chosen"], h["abstained"]) for h in json.loads(done.stdout)["habits"]] == [(0, 2)]


@pytest.mark.parametrize(
    "argv, code, message",
    [
        (("bench", "none.jsonl"), 25, "none.jsonl cannot be read"),
        (("bench", "labels.jsonl"), 25, "is no StoredPool"),
        (("bench", "pools.jsonl", "--policy", "oracle"), 2, "There is no policy 'oracle'"),
        (("bench", "pools.jsonl", "--plot", "c.svg"), 2, "needs --labels"),
        (("convert", "labels.jsonl", "out.jsonl"), 25, "is no published patch"),
        (("explain", "pools.jsonl"), 25, "is no log of a selection"),
    ],
)
def test_bad_input_is_one_sentence_and_a_code(pools: Path, argv: tuple[str, ...], code: int, message: str) -> None:
    done = winnow(pools, *argv)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    told = json.loads(winnow(pools, *argv, "--json").stdout)
    assert (told["exit_code"], message in told["error"]["message"]) == (code, True)


def test_explain_makes_a_selection_again(tmp_path: Path) -> None:
    selection, log = choose(evidence("a", "b", gates={"a": P, "b": F}))
    write_log(log, tmp_path / "selection-log.json")
    done = winnow(tmp_path, "explain", "selection-log.json", "--out", "why")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [selection.reason, "why/selection.md", "why/selection.json", "why/selection.svg"]
    record = json.loads((tmp_path / "why/selection.json").read_text())
    assert record["selection"] == selection.model_dump(mode="json")


def test_help_loads_nothing_that_selects(tmp_path: Path) -> None:
    code = (
        "import sys\nimport winnow.cli\n"
        "heavy = [name for name in sys.modules if name.startswith('selection.') and name != 'selection.errors']\n"
        "assert not heavy, heavy"
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
