"""Pools on disk, and parts of pools."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.errors import PoolUnusable
from selection.evidence import AGREEMENT, JUDGE, Evidence
from selection.standing import assess
from selection.stored import StoredCandidate, StoredPool, evidence_of, read_values, restrict, write_values
from selection.values import Score
from tests.selection.evidence_kit import F, P, any_evidence, cells, cluster, entry, evidence, gate, probe
from tests.selection.test_text_form import diff


def stored(known: Evidence | None = None) -> StoredPool:
    candidates = tuple(StoredCandidate(id=name, patch=diff(), family=name) for name in "ab")
    return StoredPool(task_id="t", issue="It fails.", candidates=candidates, evidence=known)


@pytest.mark.parametrize("name", ["pools.jsonl", "pools.jsonl.gz"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    pools = [stored(), stored(evidence("a", "b", gates={"a": P}, matrix={"p": {"a": P, "b": F}}))]
    assert write_values(tmp_path / name, pools) == 2
    assert list(read_values(tmp_path / name, StoredPool)) == pools


@pytest.mark.parametrize(
    "line, message",
    [
        ("nonsense", "line 2 is no StoredPool: Invalid JSON"),
        ('{"task_id": "t"}', "line 2 is no StoredPool: candidates: Field required"),
        ('{"task_id": "t", "candidates": [], "resolved": true}', "resolved: Extra inputs are not permitted"),
        ('{"task_id": "t", "candidates": [{"id": "a", "patch": "", "label": true}]}', "label: Extra inputs"),
        (
            '{"task_id": "t", "candidates": [{"id": "a", "patch": ""}, {"id": "a", "patch": ""}]}',
            "two candidates have one id",
        ),
        (
            '{"task_id": "t", "candidates": [], "evidence": {"task_id": "t", "entries": ['
            + entry("x").model_dump_json()
            + "]}}",
            "other candidates",
        ),
    ],
)
def test_a_line_that_is_no_pool_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "pools.jsonl"
    path.write_text(f"{stored().model_dump_json()}\n{line}\n")
    with pytest.raises(PoolUnusable, match=message):
        list(read_values(path, StoredPool))


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"not gzip"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ("x.gz" if content == b"not gzip" else "x.jsonl")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PoolUnusable, match="cannot be read"):
        list(read_values(path, StoredPool))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(PoolUnusable, match="cannot be written"):
        write_values(tmp_path / "no" / "pools.jsonl", [stored()])


def test_agreement_is_added_and_other_scores_stay() -> None:
    known = evidence("a", "b", scores={JUDGE: {"a": 0.5}, AGREEMENT: {"a": 0.0}})
    found = {(s.verifier, s.candidate_id): s.value for s in evidence_of(stored(known)).scores}
    assert found == {(JUDGE, "a"): 0.5, (AGREEMENT, "a"): 1.0, (AGREEMENT, "b"): 1.0}
    assert [c.members for c in evidence_of(stored()).clusters] == [("a", "b")]


def test_a_part_of_a_pool_is_as_if_the_rest_had_never_come() -> None:
    known = Evidence(
        task_id="t",
        entries=(entry("a", length=1), entry("a2", length=2), entry("b")),
        clusters=(cluster("a", "a2"), cluster("b")),
        gates=(gate("a", P), gate("b", F, "x")),
        probes=(probe("of a", "t-a"), probe("of b", "t-b"), probe("of nobody")),
        cells=(*cells("of a", {"a": P}), *cells("of b", {"a": F}), *cells("of nobody", {"a": P, "b": F})),
        scores=(Score(verifier=JUDGE, candidate_id="a", value=0.7),),
    )
    part = restrict(known, {"a2"})
    assert [(c.leader, c.members) for c in part.clusters] == [("a2", ("a2",))]
    assert [(g.leader, g.verdict) for g in part.gates] == [("a2", P)]
    assert [p.id for p in part.probes] == ["of nobody"]
    assert [(c.leader, c.probe, c.verdict) for c in part.cells] == [("a2", "of nobody", P)]
    assert [(s.candidate_id, s.value) for s in part.scores] == [("a2", 0.7)]


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_whole_of_a_pool_is_the_pool(data: st.DataObject) -> None:
    known = data.draw(any_evidence())
    everyone = [e.candidate_id for e in known.entries]
    whole = restrict(known, everyone)
    names = {c.leader: w.leader for c in known.clusters for w in whole.clusters if c.members == w.members}
    before, after = assess(known).standings, assess(whole).standings
    assert {names[leader]: (s.votes, s.gate, s.support) for leader, s in before.items()} == {
        leader: (s.votes, s.gate, s.support) for leader, s in after.items()
    }
    part = data.draw(st.sets(st.sampled_from(everyone)))
    assert {e.candidate_id for e in restrict(known, part).entries} == part
