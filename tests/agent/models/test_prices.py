"""Prices: the right one, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.prices import FREE, SHIPPED, Price, cost_of, price_of
from agent.values import Usage

OWN = Price(input=1, output=2)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("gpt-5-mini", "gpt-5-mini"),
        ("GPT-5-mini", "gpt-5-mini"),
        ("openai/gpt-5-mini", "gpt-5-mini"),
        ("openrouter/openai/gpt-5-mini", "gpt-5-mini"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("gpt-5.4-mini", "gpt-5.4-mini"),
        ("gpt-5.2-codex", "gpt-5.2-codex"),
    ],
)
def test_a_name_finds_its_price(name: str, entry: str) -> None:
    assert price_of(name) is SHIPPED[entry]


@pytest.mark.parametrize(
    "name",
    ["", "my-model", "gpt-5-mini-pro", "gpt-5.4-pro", "gpt-5.9", "claude-sonnet-4", "gpt", "/", "ft:gpt-5-mini:org"],
)
def test_what_nobody_knows_is_unknown(name: str) -> None:
    assert price_of(name) is None
    assert cost_of(Usage(input_tokens=5), price_of(name)) is None


def test_the_users_prices_go_first_and_may_be_beginnings() -> None:
    own = {"qwen*": OWN, "qwen-coder*": FREE, "gpt-5-mini": OWN, "local/special": FREE}
    assert price_of("qwen-max", own) is OWN
    assert price_of("qwen-coder-30b", own) is FREE
    assert price_of("vendor/qwen-max", own) is OWN
    assert price_of("gpt-5-mini-2025-08-07", own) is OWN
    assert price_of("local/special", own) is FREE
    assert price_of("special", own) is None


def test_what_a_call_costs() -> None:
    price = Price(input=2, cached_input=0.5, output=8)
    assert price.of(Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=500_000)) == pytest.approx(
        1.2 + 0.2 + 4
    )
    assert FREE.of(Usage(input_tokens=10**9, output_tokens=10**9)) == 0
    assert Price(input=2, output=0).of(Usage(input_tokens=10, cached_tokens=99)) == pytest.approx(20e-6)


def test_long_prompts_and_writing_to_the_cache_cost_more() -> None:
    price = Price(input=2, cache_write=2.5, output=0, long_from=100)
    assert price.of(Usage(input_tokens=100)) == pytest.approx(250e-6)
    assert price.of(Usage(input_tokens=101)) == pytest.approx(505e-6)


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from(sorted(SHIPPED)),
)
def test_the_worst_case_is_never_cheaper(asked: int, more: int, cached: int, said: int, name: str) -> None:
    price = SHIPPED[name]
    worst = Usage(input_tokens=asked + more, output_tokens=said + more)
    assert price.of(worst) >= price.of(Usage(input_tokens=asked, cached_tokens=min(cached, asked), output_tokens=said))
