"""A selection can be made again from its log, and laid open for somebody who disagrees."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.choose import SelectionLog, choose, replay
from selection.errors import PoolUnusable
from selection.evidence import JUDGE, Evidence, Verdict
from selection.explain import Explanation, explain
from selection.files import PAGE, PICTURE, RECORD, read_log, write_explanation, write_log
from selection.page import markdown
from selection.picture import heat_map
from selection.policies import POLICIES, Preferences
from selection.values import Dropped, Origin, SeparatingTest, Separation
from tests.selection.evidence_kit import F, P, U, any_evidence, cluster, entry, evidence, probe
from tests.selection.test_weights import TOXIC


class Picks:
    """A separator that always takes the last, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
        self.asked += 1
        return Separation(finalists=finalists, picked=finalists[-1], reason="it alone adds up")


def full() -> Evidence:
    known = evidence(
        *"abcd",
        gates={"a": P, "b": P, "c": F, "d": F},
        matrix={**TOXIC, "own": {"a": P, "b": F, "c": U, "d": F}},
        probes=[probe("toxic"), probe("sound", "x"), probe("own", "t-a", Origin.TRAJECTORY)],
        scores={JUDGE: {"a": 0.8, "b": None}},
    )
    fields = {
        "entries": (*known.entries, entry("a2", family="fam"), entry("gone")),
        "clusters": (cluster("a", "a2"), *known.clusters[1:]),
        "dropped": (Dropped(candidate_id="gone", reason="empty patch"),),
    }
    return Evidence.model_validate({**dict(known), **fields})


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_log_gives_the_same_selection(policy: str, data: st.DataObject) -> None:
    price = data.draw(st.sampled_from([0.0, 2.0]))
    separator = Picks()
    selection, log = choose(data.draw(any_evidence()), Preferences(policy=policy, price_of_wrong=price), separator)
    asked = separator.asked
    again = SelectionLog.model_validate_json(log.model_dump_json())
    assert replay(again) == selection
    assert separator.asked == asked


def test_a_log_without_an_answer_that_is_asked_for_is_refused() -> None:
    _, log = choose(evidence("a", "b"), Preferences(policy="codemonkeys"), Picks())
    with pytest.raises(PoolUnusable, match="does not say which of a, b was picked"):
        replay(log.model_copy(update={"separations": ()}))


def test_the_selection_holds_what_it_rests_on() -> None:
    selection, _ = choose(full())
    assert (selection.verdict, selection.chosen) == ("chosen", "a")
    assert selection.regressions == {"a": (), "b": (), "c": ("test_x",), "d": ("test_x",)}
    scores = {(score.verifier, score.candidate_id): score.value for score in selection.scores}
    assert (scores["suite", "a"], scores["suite", "c"], scores[JUDGE, "b"]) == (1.0, 0.0, None)
    assert selection.decision is not None
    assert selection.decision.runner_up == "b"


def test_agreement_of_many_settles_and_a_lone_change_does_not() -> None:
    lone, _ = choose(evidence("a", "b"))
    many, _ = choose(Evidence(task_id="t", entries=tuple(map(entry, "abc")), clusters=(cluster("a", "b", "c"),)))
    family = tuple(entry(name, family="f") for name in "abc")
    copied, _ = choose(Evidence(task_id="t", entries=family, clusters=(cluster("a", "b", "c"),)))
    assert (lone.settled, many.settled, copied.settled) == (False, True, False)


def test_everything_is_explained() -> None:
    _, log = choose(full())
    explanation = explain(log)
    assert [(fall.candidate_id, fall.at) for fall in explanation.fallen] == [
        ("gone", "pool"),
        ("c", "suite"),
        ("d", "suite"),
    ]
    assert {other.policy for other in explanation.alternatives} == set(POLICIES) - {"default"}
    assert next(weight for weight in explanation.weights if weight.probe == "toxic").toxic
    page = markdown(explanation, picture="selection.svg")
    for fact in (
        "**Chosen: a**",
        "policy `default`, decided by `probes`",
        "| 1 | a | fam, p |",
        "| gone | pool | empty patch |",
        "| c | suite | the suite says fail |",
        "**toxic** toxic: passes 2 that the suite rejects",
        "| shortest |",
        "![candidates and tests](selection.svg)",
    ):
        assert fact in page, fact


def test_what_a_selection_trajectory_tried_is_on_the_page() -> None:
    class Tries:
        def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
            test = SeparatingTest(
                id="s1", content="x", why="the issue says | so", base="present", verdicts={"a": "fixed"}
            )
            return Separation(finalists=finalists, picked="b", reason="<b> adds up", tests=(test,))

    known = evidence("a", "b", gates={"a": P, "b": P})
    page = markdown(explain(choose(known, separator=Tries())[1]))
    assert "## The selection trajectory" in page
    assert "It was asked about a, b and picked b: &lt;b> adds up." in page
    assert "| s1 | present | fixed | ? | the issue says \\| so |" in page
    assert "selection trajectory" not in markdown(explain(choose(known)[1])), "it was not opened"


def test_an_abstention_shows_the_two_that_lead() -> None:
    _, log = choose(evidence(*"abc", gates=dict.fromkeys("abc", F)))
    page = markdown(explain(log))
    assert "**Nothing is delivered.**" in page
    assert "- leading: a, b" in page


def test_an_empty_pool_has_a_page_and_a_picture() -> None:
    _, log = choose(Evidence(task_id="t"))
    assert "there is no candidate" in markdown(explain(log))
    ElementTree.fromstring(heat_map(explain(log)))


def test_the_picture_has_a_cell_for_every_pair_and_a_sign_beside_the_colour() -> None:
    explanation = explain(choose(full())[1])
    picture = ElementTree.fromstring(heat_map(explanation))
    name = "{http://www.w3.org/2000/svg}"
    titles = [title.text or "" for title in picture.iter(f"{name}title")]
    for probe_name, row in explanation.matrix.items():
        for verdict in Verdict:
            wanted = sum(said is verdict for said in row.values())
            assert titles.count(f"{probe_name}: {verdict.value}") == wanted
    assert "suite: the suite says fail" in titles
    texts = [text.text for text in picture.iter(f"{name}text")]
    assert {"▶ a", "b", "c", "d", "toxic (toxic)", "pass", "fail", "unknown"} <= set(texts)
    assert len(list(picture.iter(f"{name}polyline"))) > 4 * 4


def test_a_large_matrix_is_cut_and_says_so() -> None:
    names = [f"c{n:02}" for n in range(50)]
    matrix = {f"p{n:02}": {name: P if at % (n + 2) else F for at, name in enumerate(names)} for n in range(45)}
    explanation = explain(choose(evidence(*names, matrix=matrix))[1])
    assert "Not shown: 10 more changes, 5 more probes" in heat_map(explanation)
    assert "5 more have less weight." in markdown(explanation)


NASTY = "<script>|`[x](y)\n\x07\ud800&"


def test_strangers_names_make_no_markup() -> None:
    known = evidence("a", NASTY.replace("\ud800", ""), matrix={NASTY.replace("\ud800", ""): {"a": P}})
    explanation = explain(choose(known)[1])
    picture = heat_map(explanation)
    ElementTree.fromstring(picture)
    page = markdown(explanation)
    assert "<script>" not in page + picture
    assert "\\|'\\[x](y)" in page


def test_files_hold_what_the_log_says(tmp_path: Path) -> None:
    _, log = choose(full())
    write_log(log, tmp_path / "selection-log.json")
    explanation = explain(read_log(tmp_path / "selection-log.json"))
    written = write_explanation(explanation, tmp_path / "out")
    assert [path.name for path in written] == [PAGE, RECORD, PICTURE]
    assert Explanation.model_validate_json((tmp_path / "out" / RECORD).read_bytes()) == explain(log)


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "cannot be read"),
        ("not json", "is no log of a selection"),
        ("{}", "evidence: Field required"),
        (json.dumps({"format": 2, "evidence": {"task_id": "t"}}), "format"),
    ],
)
def test_a_file_that_is_no_log_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "log.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(PoolUnusable, match=message):
        read_log(path)


def test_an_explanation_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PoolUnusable, match="cannot be written"):
        write_explanation(explain(choose(evidence("a"))[1]), tmp_path / "file")
