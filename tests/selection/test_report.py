"""What a bench reports: means over tasks, the share of the gap, and intervals over tasks."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from selection.errors import PoolUnusable
from selection.policies import POLICIES
from selection.report.bench import bench, bench_page
from selection.report.compare import compare
from selection.report.convert import convert
from selection.report.curves import Point, plot, sizes
from selection.report.labels import Label, read_labels
from selection.report.outcomes import Outcome, TaskOutcome, outcomes, outcomes_at
from selection.stored import StoredCandidate, StoredPool, write_values
from tests.selection.evidence_kit import F, P, evidence
from tests.selection.test_text_form import diff

RIGHT, WRONG, LONG = diff(), diff(new="    return x"), diff(new="    return x + 1 + 0 + 0")


def pool(task: str, *patches: str) -> StoredPool:
    return StoredPool(
        task_id=task,
        candidates=tuple(StoredCandidate(id=f"c{n}", patch=p, family=f"f{n}") for n, p in enumerate(patches)),
    )


def labels(**tasks: str) -> Mapping[str, Mapping[str, bool]]:
    """`+` right, `-` wrong, `?` unknown, by candidate."""
    return {
        task: {f"c{n}": sign == "+" for n, sign in enumerate(signs) if sign != "?"} for task, signs in tasks.items()
    }


def outcome(task: str, lot: float, oracle: float, **delivered: float) -> TaskOutcome:
    policies = {name: Outcome(delivered=value, abstained=0) for name, value in delivered.items()}
    return TaskOutcome(task_id=task, candidates=4, random=lot, oracle=oracle, policies=policies)


def test_each_policy_is_scored_by_what_it_would_deliver() -> None:
    found = outcomes(
        [pool("t", WRONG, RIGHT, RIGHT, "")], labels(t="-++-"), ["majority", "shortest", "random", "first"]
    )
    assert {name: o.delivered for name, o in found[0].policies.items()} == {
        "majority": 1,
        "shortest": 0,
        "random": 0.5,
        "first": 0,
    }
    assert (found[0].random, found[0].oracle) == (0.5, 1)


def test_candidates_without_a_label_are_left_out_before_anything_is_chosen() -> None:
    found = outcomes([pool("t", WRONG, WRONG, LONG), pool("u", RIGHT)], labels(t="??+"), ["majority"])
    assert [(task.task_id, task.candidates, task.policies["majority"].delivered) for task in found] == [("t", 1, 1)]


def test_labels_do_not_change_what_is_chosen() -> None:
    pools = [pool("t", WRONG, RIGHT, RIGHT, LONG)]
    one = outcomes(pools, labels(t="+---"), list(POLICIES))[0].policies
    other = outcomes(pools, labels(t="-+++"), list(POLICIES))[0].policies
    for policy in POLICIES:
        assert one[policy].delivered + other[policy].delivered == pytest.approx(1)


def test_an_abstention_delivers_nothing() -> None:
    known = evidence("c0", "c1", gates={"c0": F, "c1": F})
    stored = pool("t", RIGHT, LONG).model_copy(update={"evidence": known})
    found = outcomes([stored], labels(t="++"), ["default", "shortest"])[0].policies
    assert (found["default"].delivered, found["default"].abstained) == (0, 1)
    assert (found["shortest"].delivered, found["shortest"].abstained) == (1, 0)


def test_subsets_are_drawn_alike_for_every_list_of_policies() -> None:
    pools = [pool("t", WRONG, RIGHT, RIGHT, LONG, "")]
    truth = labels(t="-++--")
    some = outcomes_at(pools, truth, ["shortest"], k=2, draws=20)
    more = outcomes_at(pools, truth, ["majority", "shortest"], k=2, draws=20)
    assert some[0].policies["shortest"] == more[0].policies["shortest"]
    assert some[0].oracle == more[0].oracle
    assert 0.4 < some[0].oracle < 1
    assert outcomes_at(pools, truth, ["shortest"], k=9, draws=20) == outcomes(pools, truth, ["shortest"])
    one = outcomes_at(pools, truth, ["majority"], k=1, draws=200)[0]
    assert one.random == one.oracle == pytest.approx(0.4, abs=0.1)


def test_the_gap_closed_lies_between_random_and_oracle() -> None:
    tasks = [outcome("t", 0.5, 1, good=1, bad=0, half=0.75), outcome("u", 0.5, 1, good=1, bad=0, half=0.75)]
    found = {row.policy: row for row in compare(tasks, resamples=50).rows}
    assert [found[name].gap_closed.value for name in ("good", "bad", "half")] == [1, -1, 0.5]
    assert (found["half"].gap_closed.low, found["half"].gap_closed.high) == (0.5, 0.5)
    assert found["good"].ahead.value is None
    assert found["bad"].ahead.value == -1


def test_where_there_is_no_gap_its_share_is_unknown() -> None:
    row = compare([outcome("t", 1, 1, p=1)], resamples=10).rows[0]
    assert (row.gap_closed.value, row.gap_closed.low) == (None, None)


def test_intervals_cover_what_resampling_covers_and_are_paired() -> None:
    dice = random.Random(1)
    tasks = []
    for number in range(100):
        right = float(dice.random() < 0.5)
        tasks.append(outcome(str(number), 0.3, 1, one=right, same=right))
    found = compare(tasks, resamples=500)
    first, second = found.rows
    assert first.delivered.low is not None
    assert first.delivered.high is not None
    width = first.delivered.high - first.delivered.low
    assert width == pytest.approx(2 * 1.96 * (0.25 / 100) ** 0.5, rel=0.25)
    assert (second.ahead.low, second.ahead.high) == (0, 0)  # always right together: no doubt about the difference
    assert compare(tasks, resamples=500) == found
    assert compare(tasks, resamples=500, seed=1) != found


def write(tmp_path: Path, *stored: StoredPool, **signs: str) -> tuple[Path, Path]:
    pools, truth = tmp_path / "pools.jsonl", tmp_path / "labels.jsonl"
    write_values(pools, stored)
    written = [
        Label(task_id=t, candidate_id=c, resolved=r) for t, known in labels(**signs).items() for c, r in known.items()
    ]
    write_values(truth, written)
    return pools, truth


def test_a_bench_over_files(tmp_path: Path) -> None:
    known = evidence("c0", "c1", gates={"c0": P})
    executed = pool("u", WRONG, RIGHT).model_copy(update={"evidence": known})
    pools, truth = write(tmp_path, pool("t", WRONG, RIGHT, RIGHT), executed, t="-++", u="+-")
    report = bench(pools, labels_path=truth, policies=["default", "shortest"], resamples=20, draws=2)
    assert (report.pools, report.candidates, report.with_execution) == (2, 5, 1)
    assert report.comparison is not None
    assert [row.delivered.value for row in report.comparison.rows] == [1, 0.5]
    assert [point.k for point in report.curve] == [1, 2, 3]
    page = bench_page(report)
    assert "| default | 100.0% (100.0% to 100.0%) | 100.0% (100.0% to 100.0%) |  | 0.0% | 100.0% |" in page
    assert "| 3 | 100.0% | 100.0% | 50.0% |" in page


def test_without_labels_a_bench_says_what_policies_do(tmp_path: Path) -> None:
    pools, _ = write(tmp_path, pool("t", WRONG, RIGHT, RIGHT), pool("u", ""))
    report = bench(pools, labels_path=None, policies=["majority", "shortest"])
    assert [(h.policy, h.chosen, h.abstained, h.same) for h in report.habits] == [
        ("majority", 1, 1, 2),
        ("shortest", 1, 1, 1),
    ]
    assert "| shortest | 1 | 1 | 1 |" in bench_page(report)


@pytest.mark.parametrize("broken", ["no pools", "other tasks", "contradiction"])
def test_files_that_do_not_belong_together(tmp_path: Path, broken: str) -> None:
    pools, truth = write(tmp_path, *([] if broken == "no pools" else [pool("t", RIGHT)]), t="+")
    if broken == "other tasks":
        write_values(truth, [Label(task_id="x", candidate_id="c0", resolved=True)])
    if broken == "contradiction":
        write_values(truth, [Label(task_id="t", candidate_id="c0", resolved=flag) for flag in (True, False)])
    with pytest.raises(PoolUnusable, match=r"holds no pool|no label for a task|says two things"):
        bench(pools, labels_path=truth, policies=["first"])


def test_sizes_of_pools_double() -> None:
    assert (sizes(0), sizes(1), sizes(8), sizes(9)) == ((), (1,), (1, 2, 4, 8), (1, 2, 4, 8, 9))


def test_the_plot_names_every_line() -> None:
    tasks = [outcome("t", 0.25, 1, default=1, first=0), outcome("u", 0.25, 0, default=0, first=0)]
    points = [Point(k=k, comparison=compare(tasks, resamples=5)) for k in (1, 2)]
    picture = ElementTree.fromstring(plot(points))
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"oracle 50.0%", "default 50.0%", "first 0.0%", "random 25.0%", "1", "2"} <= set(texts)
    ElementTree.fromstring(plot(points[:1]))


def published(**fields: object) -> str:
    return json.dumps({"instance_id": "t", "patch": RIGHT, "source": "S", "family": "f", "tier": "full", **fields})


def test_published_patches_become_pools_and_their_claims_labels(tmp_path: Path) -> None:
    path, issues = tmp_path / "candidates.jsonl", tmp_path / "tasks.jsonl"
    path.write_text(
        "\n".join(
            [
                published(claimed_resolved=True, equals_gold=True, leaderboard_resolved=True),
                published(source="R", sample=0, claimed_resolved=False),
                published(source="R", sample=1, claimed_resolved=None),
                published(instance_id="u", tier="samples"),
            ]
        )
    )
    issues.write_text(json.dumps({"instance_id": "t", "problem_statement": "It fails.", "patch": "gold"}))
    pools, claims = convert(path, tiers=["full"], issues=issues)
    assert [(p.task_id, p.issue, len(p.candidates)) for p in pools] == [("t", "It fails.", 3)]
    assert [c.trajectory_id for c in pools[0].candidates] == ["S c000", "R #0", "R #1"]
    assert [(label.candidate_id, label.resolved) for label in claims] == [
        ("c000", True),
        ("c001", False),
        ("c002", None),
    ]
    text = pools[0].model_dump_json()
    assert not any(word in text for word in ("resolved", "equals_gold", "gold"))
    write_values(tmp_path / "labels.jsonl", claims)
    assert read_labels(tmp_path / "labels.jsonl") == {"t": {"c000": True, "c001": False}}
    assert {p.task_id for p in convert(path)[0]} == {"t", "u"}


@pytest.mark.parametrize("line", ["nonsense", '{"patch": ""}', published(patch=7)])
def test_a_line_that_is_no_published_patch_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "c.jsonl").write_text(line)
    with pytest.raises(PoolUnusable, match="line 1 is no published patch"):
        convert(tmp_path / "c.jsonl")
    (tmp_path / "t.jsonl").write_text('{"instance_id": "t"}')
    (tmp_path / "c.jsonl").write_text(published())
    with pytest.raises(PoolUnusable, match="line 1 has no `instance_id` and `problem_statement`"):
        convert(tmp_path / "c.jsonl", issues=tmp_path / "t.jsonl")
