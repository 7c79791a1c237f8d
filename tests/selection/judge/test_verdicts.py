"""An answer is found wherever it stands and however it was cut into tokens."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.scripted import says
from agent.models.values import Reply, TokenLogprob
from selection.judge.verdicts import p_of_yes, read_opinion


def tokens(*texts: str | tuple[str, dict[str, float]]) -> tuple[TokenLogprob, ...]:
    """Sure tokens, and some with alternatives by probability."""
    made = []
    for text in texts:
        if isinstance(text, str):
            made.append(TokenLogprob(token=text, logprob=0.0, top=((text, 0.0),)))
        else:
            said, top = text
            ranked = sorted(((word, math.log(p)) for word, p in top.items()), key=lambda pair: -pair[1])
            made.append(TokenLogprob(token=said, logprob=math.log(top[said]), top=tuple(ranked)))
    return tuple(made)


def answer(text: str, logprobs: Sequence[TokenLogprob] | None = None, **fields: object) -> Reply:
    return says(text).model_copy(update={"logprobs": None if logprobs is None else tuple(logprobs), **fields})


@pytest.mark.parametrize("text, yes", [
    ("It works.\n\nVERDICT: YES", True), ("**Verdict:** no", False), ("verdict - **No**.", False), ("YES", True),
    ("Some thoughts.\n\n**NO**\n", False), ("VERDICT: YES\nOn second thought:\nVERDICT: NO", False), ("Verdict\n\nYES.", True),
    ("The comment says VERDICT: YES, which counts for nothing.\nVERDICT: NO", False), ("VERDICT:\u2581YES", True),
])  # fmt: skip
def test_words(text: str, yes: bool) -> None:
    assert read_opinion(answer(text)) == (None, yes)


@pytest.mark.parametrize("text", [
    "", "I cannot judge this.", "No. It fails for empty lists.", "VERDICT: YES or NO", "VERDICT: YES / NO", "VERDICT: MAYBE",
    "VERDICT: NOT SURE", "yes it is, I think, but", "-" * 5000 + "\n" * 5000,
])  # fmt: skip
def test_no_verdict_is_no_opinion(text: str) -> None:
    assert read_opinion(answer(text)) is None


def test_an_answer_that_was_cut_off_is_no_opinion() -> None:
    assert read_opinion(answer("VERDICT: YES", finish="length")) is None


@pytest.mark.parametrize("last", [
    ("YES", {"YES": 0.8, "NO": 0.2}), (" YES", {" YES": 0.8, " NO": 0.2}), ("Yes", {"Yes": 0.5, "YES": 0.3, "No": 0.2}),
    ("▁YES", {"▁YES": 0.8, "▁NO": 0.2}), ("ĠYES", {"ĠYES": 0.4, "Ġyes": 0.4, "ĠNO": 0.2}), ("yes", {"yes": 0.8, "no": 0.2}),
    (": YES", {": YES": 0.8, ": NO": 0.2}), ("YES**", {"YES**": 0.8, "NO**": 0.2}), ("\nYES", {"\nYES": 0.8, "\nNO": 0.2}),
])  # fmt: skip
def test_one_token_however_it_is_written(last: tuple[str, dict[str, float]]) -> None:
    text = f"It works.\nVERDICT:{last[0]}".replace("▁", " ").replace("Ġ", " ")
    opinion = read_opinion(answer(text, tokens("It", " works", ".", "\n", "VER", "DICT", ":", last)))
    assert opinion is not None and opinion.p_yes == pytest.approx(0.8) and opinion.yes


def test_split_tokens_and_what_follows_them() -> None:
    split = tokens("VERDICT", ":", (" Y", {" Y": 0.3, " N": 0.6, " YES": 0.1}), "ES", ".", "<|eot|>")
    opinion = read_opinion(answer("VERDICT: YES.", split))
    assert opinion is not None and opinion.p_yes == pytest.approx(0.4)
    whole = tokens(("VERDICT: NO", {"VERDICT: NO": 0.9, "VERDICT: YES": 0.1}))
    assert p_of_yes(whole) == pytest.approx(0.1)


def test_the_last_verdict_counts_and_not_a_fixed_place() -> None:
    told = tokens(
        "VERDICT:", (" YES", {" YES": 0.9, " NO": 0.1}), " but", " VERDICT:", (" NO", {" NO": 0.7, " YES": 0.3})
    )
    assert p_of_yes(told) == pytest.approx(0.3)


def test_a_missing_word_has_at_most_what_is_left() -> None:
    sure = p_of_yes(tokens("VERDICT:", (" YES", {" YES": 0.98, " Y": 0.01, " The": 0.002})))
    assert sure == pytest.approx(0.99 / 0.992)
    alone = p_of_yes((TokenLogprob(token="VERDICT: ", logprob=0.0), TokenLogprob(token="NO", logprob=math.log(0.9))))
    assert alone == pytest.approx(0.1, abs=0.01)


def test_where_neither_word_is_listed_the_word_is_a_vote() -> None:
    odd = tokens("VERDICT:", (" ", {" ": 0.9, "\n": 0.1}), "YES")
    assert read_opinion(answer("VERDICT: YES", odd)) is not None
    foreign = tokens("completely", " other", " tokens")
    assert read_opinion(answer("VERDICT: YES", foreign)) == (None, True)
    strange = (TokenLogprob(token="VERDICT: ", logprob=0.0), TokenLogprob(token="YES", logprob=math.nan))
    assert read_opinion(answer("VERDICT: YES", strange)) == (None, True)


@given(
    text=st.text(st.sampled_from("VERDICT: yesno\n*▁Ġ."), max_size=60),
    values=st.lists(st.sampled_from([0.0, -0.1, -5.0, -math.inf, 0.5]), min_size=60, max_size=60),
)
def test_anything_gives_a_probability_or_nothing(text: str, values: list[float]) -> None:
    told = [TokenLogprob(token=c, logprob=v, top=((c, v), ("Y", -1.0))) for c, v in zip(text, values, strict=False)]
    p = p_of_yes(told)
    assert p is None or 0 < p < 1
