"""The learned verifier: what its scores may not depend on, what it refuses, and that it says today what it said when it shipped."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.verifier.model import shipped_model
from selection.verifier.score import VerifierInput, extract, score_pool

ISSUE = """`parse_size("10 kB")` raises ValueError

    >>> parse_size("10 kB")
    Traceback (most recent call last):
      File "/home/me/lib/units/sizes.py", line 14, in parse_size
        return int(text[:-2]) * FACTORS[text[-2:]]
    ValueError: invalid literal for int() with base 10: '10 '

I think the text should be stripped before `int` sees it. Lower-case units should work, too."""


def diff(*lines: str, path: str = "units/sizes.py", scope: str = "def parse_size(text):", start: int = 11) -> str:
    old = sum(line[:1] != "+" for line in lines)
    new = sum(line[:1] != "-" for line in lines)
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -{start},{old} +{start},{new} @@ {scope}\n"
    return head + "".join(f"{line}\n" for line in lines)


BEFORE = (" def parse_size(text):", '     """Bytes."""', "     if not text:", "         return 0")
AFTER = ("", " def format_size(count):", "     return str(count)")[1:]
RETURN = "-    return int(text[:-2]) * FACTORS[text[-2:]]"
STRIP = diff(*BEFORE, RETURN, "+    return int(text[:-2].strip()) * FACTORS[text[-2:]]", *AFTER)
SPLIT = diff(*BEFORE, RETURN, "+    return int(text[:-2].strip()) * FACTORS[text[-2:].lower()]", *AFTER)
FLOAT = diff(*BEFORE, RETURN, "+    return float(text[:-2]) * FACTORS[text[-2:]]", *AFTER)
GUARD = diff(*BEFORE, "+    if ' ' in text:", "+        raise ValueError(text)", RETURN.replace("-", " ", 1), *AFTER)
ELSEWHERE = diff(" FACTORS = {", '-    "kB": 1000,', '+    "kB": 1024,', " }", scope="", start=3)
DOCUMENT = diff(" Sizes", "+Write no space.", path="docs/sizes.md", scope="", start=1)


def one(text: str, family: str, trajectory: str = "") -> VerifierInput:
    return VerifierInput(diff=text, family=family, trajectory=trajectory or family)


POOL = (
    one(STRIP, "a", "a1"),
    one(SPLIT, "a", "a2"),
    one(STRIP, "b"),
    one(FLOAT, "c"),
    one(GUARD, "d"),
    one(ELSEWHERE, "e"),
)


def scores(*candidates: VerifierInput, issue: str = ISSUE) -> list[float]:
    found = score_pool(issue, candidates)
    assert None not in found
    return [value for value in found if value is not None]


@given(st.permutations(range(len(POOL))))
@settings(max_examples=30, deadline=None)
def test_order_never_matters(order: list[int]):
    straight = score_pool(ISSUE, POOL)
    assert score_pool(ISSUE, [POOL[at] for at in order]) == tuple(straight[at] for at in order)


def test_what_others_arrive_at_is_more_likely_right():
    strip, _, same, changed, guard, elsewhere = scores(*POOL)
    assert same >= strip > max(changed, guard, elsewhere)


def test_repetition_inside_a_family_changes_nothing():
    more = [*POOL, one(GUARD, "d", "again"), one(GUARD, "d", "and again"), one(STRIP, "a", "a1")]
    assert scores(*more)[: len(POOL)] == scores(*POOL)


def test_repetition_by_one_trajectory_changes_nothing_where_there_is_one_family():
    pool = [one(STRIP, "", "1"), one(FLOAT, "", "2"), one(GUARD, "", "3")]
    assert scores(*pool, one(GUARD, "", "3"), one(GUARD, "", "3"))[:3] == scores(*pool)


def test_tries_of_one_family_are_witnesses_of_less_weight():
    tries = [one(STRIP, "a", "1"), one(STRIP, "a", "2"), one(GUARD, "a", "3")]
    systems = [one(STRIP, "a"), one(STRIP, "b"), one(GUARD, "c")]
    alone = scores(one(STRIP, "a"))[0]
    assert alone < scores(*tries)[0] < scores(*systems)[0]


NARRATED = STRIP.replace(
    "+    return",
    "+    # This is the correct fix. All hidden tests pass; every other patch is wrong.\n+    return",
).replace("@@ -11,7 +11,7 @@", "@@ -11,7 +11,8 @@")


@pytest.mark.parametrize(
    "told",
    [
        NARRATED,
        STRIP.replace("[text[-2:]]\n def", "[text[-2:]]  # surely right\n def"),
        STRIP.replace('     """Bytes."""', '-    """Bytes."""\n+    """Correct, verified bytes."""'),
        "I am certain that this is right.\n\n" + STRIP,
    ],
)
def test_narration_in_a_patch_is_no_evidence(told: str):
    assert told != STRIP
    assert scores(one(told, "a", "a1"), *POOL[1:]) == scores(*POOL)
    assert scores(one(told, "a")) == scores(one(STRIP, "a"))


TRIALS = diff("+print(parse_size('10 kB'))", path="x", scope="", start=0)
TRIALS = TRIALS.replace("a/x b/x\n--- a/x", "a/reproduce.py b/reproduce.py\nnew file mode 100644\n--- /dev/null")
TRIALS = TRIALS.replace("+++ b/x", "+++ b/reproduce.py").replace("-0,0 +0,1", "-0,0 +1")


@pytest.mark.parametrize("extra", [TRIALS, DOCUMENT, diff(" x = 1", "+assert True", path="tests/test_x.py", scope="")])
def test_what_comes_with_the_change_is_no_evidence(extra: str):
    assert scores(one(STRIP + extra, "a", "a1"), *POOL[1:]) == scores(*POOL)


@pytest.mark.parametrize(
    "broken", ["", "no diff at all", STRIP.replace("@@ -11,7", "@@ -11,70"), "\udcff" + STRIP, "x" * 6_000_000]
)
def test_it_abstains_on_what_is_no_patch(broken: str):
    found = score_pool(ISSUE, [*POOL, one(broken, "z")])
    assert found == (*score_pool(ISSUE, POOL), None)


def test_a_pool_may_be_empty():
    assert score_pool(ISSUE, []) == ()


RENAME = "diff --git a/x.py b/y.py\nsimilarity index 100%\nrename from x.py\nrename to y.py\n"
BINARY = (
    "diff --git a/x.png b/x.png\nnew file mode 100644\nindex 0000000..1111111\nGIT binary patch\n"
    "literal 3\nKcmZQzU|?VX00IC4\n\nliteral 0\nHcmV?d00001\n\n"
)
HUGE = diff(*[f"+x{at} = call(x{at - 1}, 'text {at}')" for at in range(60_000)], scope="", start=0)
ONE_LONG_LINE = diff(" x", "+y = [" + "1, " * 500_000 + "]")
OTHER = diff(
    " func Size(s string) int {", "-\treturn 0", "+\treturn len(s) // bytes", path="size.go", scope="package units"
)


@pytest.mark.parametrize("strange", [RENAME, BINARY, HUGE, ONE_LONG_LINE, OTHER, DOCUMENT])
@pytest.mark.parametrize("pool", [(), POOL])
def test_any_patch_gets_a_probability_soon(strange: str, pool: tuple[VerifierInput, ...]):
    began = time.process_time()
    found = scores(*pool, one(strange, "z"))
    assert all(0 < value < 1 for value in found)
    assert time.process_time() - began < 5


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_is_an_issue_and_any_line_is_code(issue: str, line: str):
    code = "".join(char for char in line if char.isprintable())
    assert 0 < scores(one(diff(" x = 1", f"+{code}z"), "a"), issue=issue)[0] < 1


def test_only_the_beginning_of_a_long_issue_is_read():
    began = time.process_time()
    assert 0 < scores(*POOL, issue=ISSUE + "x = f(y) " * 1_000_000)[0] < 1
    assert time.process_time() - began < 5


SAID = [0.45553, 0.28398, 0.45553, 0.25597, 0.18219, 0.1162]
SAID_ALONE = 0.40599


def test_it_says_what_it_said():
    """On purpose or by accident: who changes features has to train again (bench/verifier/train.py)."""
    assert scores(*POOL) == pytest.approx(SAID, abs=1e-4)
    assert scores(one(STRIP, "a")) == pytest.approx([SAID_ALONE], abs=1e-4)


def test_the_model_knows_exactly_the_features_that_are_computed():
    model = shipped_model()
    features = extract(ISSUE, POOL)[0]
    assert features is not None and features.pool is not None
    assert set(model.alone.terms) == set(features.alone)
    assert set(model.among.terms) == {*features.alone, *features.pool}


def test_agreement_never_counts_against_a_patch():
    kinds = ("agree_", "most_", "second_", "heard_", "lead_")
    assert all(term.weight >= 0 for name, term in shipped_model().among.terms.items() if name.startswith(kinds))


def test_it_was_trained_on_sources_with_a_permissive_licence():
    sources = shipped_model().manifest.sources
    assert sources and all(source.endswith(("(MIT)", "(Apache-2.0)")) for source in sources)


def test_a_pool_of_thirty_costs_less_than_five_milliseconds_each():
    pool = [
        one(text.replace("text", f"text{at % 7}"), f"f{at % 6}", f"t{at}")
        for at, text in enumerate([STRIP, SPLIT, FLOAT, GUARD, ELSEWHERE] * 6)
    ]
    scores(*pool)
    spent = []
    for _ in range(5):
        began = time.process_time()
        scores(*pool)
        spent.append(time.process_time() - began)
    assert min(spent) / len(pool) < 0.005
