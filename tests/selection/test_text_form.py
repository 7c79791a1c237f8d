"""Which patches are one change when there is nothing but their text, and what agreement between them is worth."""

import pytest

from selection.agreement import agreement
from selection.stored import StoredCandidate, StoredPool, text_evidence
from selection.text_form import TextForm, text_form


def diff(path: str = "pkg/m.py", *, old: str = "    return x - 1", new: str = "    return x + 1", at: int = 3) -> str:
    lines = [*(f"-{line}" for line in old.splitlines()), *(f"+{line}" for line in new.splitlines())]
    counts = (1 + len(old.splitlines()), 1 + len(new.splitlines()))
    return "\n".join(
        [f"--- a/{path}", f"+++ b/{path}", f"@@ -{at},{counts[0]} +{at},{counts[1]} @@", " def f(x):", *lines, ""]
    )


def created(path: str) -> str:
    return (
        f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+print(1)\n"
    )


def form(text: str) -> TextForm:
    found = text_form(text)
    assert isinstance(found, TextForm), found
    return found


@pytest.mark.parametrize(
    "other",
    [
        diff(new="    return x+1"),
        diff(new="    return x + 1  # one more"),
        diff(new="\n    return x + 1"),
        diff(new='    """Add one."""\n    return x + 1'),
        diff(at=40),
        f"Here it is:\n\n```diff\n{diff()}```\n",
        diff() + diff("tests/test_m.py"),
        diff() + created("reproduce_issue.py"),
        diff() + created("test_it.py"),
    ],
    ids=["space", "comment", "blank line", "docstring", "place", "prose", "test", "scratch", "scratch test"],
)
def test_one_change_in_other_clothes(other: str) -> None:
    assert form(other).digest == form(diff()).digest
    assert form(other).size == form(diff()).size


@pytest.mark.parametrize(
    "other",
    [
        diff(new="    return x + 2"),
        diff("pkg/n.py"),
        diff(old="    return x"),
        diff(new="        return x + 1"),
        diff(new="    return x + 1\n    return 'a # b'"),
        diff() + created("pkg/reproduce.py"),
        diff() + created("setup.py"),
    ],
    ids=["value", "file", "what was there", "indentation", "string", "module", "new file"],
)
def test_another_change(other: str) -> None:
    assert form(other).digest != form(diff()).digest


def test_quotes_do_not_count_and_what_is_quoted_does() -> None:
    one, same, other = (form(diff(new=f"    return {text}")).digest for text in ("'a'", '"a"', "'b'"))
    assert one == same != other


def test_moved_code_is_a_change() -> None:
    body = "    def g(self):\n        return 1"
    moved = (
        "--- a/m.py\n+++ b/m.py\n@@ -1,3 +1,1 @@\n class A:\n"
        + "".join(f"-{line}\n" for line in body.splitlines())
        + "@@ -9,1 +7,3 @@\n class B:\n"
        + "".join(f"+{line}\n" for line in body.splitlines())
    )
    assert form(moved).size > 0


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "empty patch"),
        (" \n", "empty patch"),
        ("no diff at all", "holds no diff"),
        ("--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n a\n", "cannot be read"),
        (diff("tests/test_m.py"), "changes nothing but tests or scratch files"),
        (created("repro.py"), "changes nothing but tests or scratch files"),
        (diff(old="    return x - 1", new="    return x - 1  # sic"), "changes nothing but comments or formatting"),
    ],
)
def test_what_cannot_be_a_fix_says_why(text: str, reason: str) -> None:
    found = text_form(text)
    assert isinstance(found, str)
    assert found.startswith(reason)


def pool(*patches: tuple[str, str, str]) -> StoredPool:
    """From id, family and patch."""
    return StoredPool(
        task_id="t", candidates=tuple(StoredCandidate(id=i, family=f, patch=patch) for i, f, patch in patches)
    )


def agreed(stored: StoredPool) -> dict[str, float | None]:
    diffs = {candidate.id: candidate.patch for candidate in stored.candidates}
    return {score.candidate_id: score.value for score in agreement(text_evidence(stored), diffs)}


def test_agreement_is_with_the_likest_change_of_every_other_voice() -> None:
    near, far = diff(new="    return x + 2"), diff("pkg/n.py", old="    pass", new="    raise ValueError")
    found = agreed(pool(("a", "A", diff()), ("b", "B", near), ("b2", "B", far), ("c", "C", far)))
    # `a` takes out - and brings in +; `near` also exchanges 1 for 2: two words of four
    assert found["a"] == pytest.approx((0.5 + 0) / 2)
    assert found["b"] == pytest.approx((0.5 + 0) / 2)
    assert found["b2"] == pytest.approx((0 + 1) / 2)


def test_a_family_does_not_agree_with_itself() -> None:
    alone = agreed(pool(("a", "A", diff()), ("b", "A", diff(new="    return x + 2"))))
    assert alone == {"a": None, "b": None}


def test_candidates_without_a_family_are_voices_of_their_own() -> None:
    assert agreed(pool(("a", "", diff()), ("b", "", diff(at=9)))) == {"a": 1.0}


def test_the_shortest_of_equal_patches_stands_for_all() -> None:
    evidence = text_evidence(
        pool(("long", "A", diff(new="    return x + 1  # sic")), ("short", "B", diff()), ("no", "C", ""))
    )
    assert [(c.leader, c.members) for c in evidence.clusters] == [("short", ("long", "short"))]
    assert [(d.candidate_id, d.reason) for d in evidence.dropped] == [("no", "empty patch")]
    assert [(e.candidate_id, e.position) for e in evidence.entries] == [("long", 0), ("short", 1), ("no", 2)]
