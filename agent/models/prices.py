"""What models cost. Prices are USD per million tokens; an unknown price is None, never 0."""

import re
from collections.abc import Mapping

from pydantic import Field

from agent.values import Usage
from sandbox.values import Value

_MILLION = 1_000_000
_SNAPSHOT = re.compile(r"[-@:](\d{4}-?\d{2}-?\d{2}|\d{4}|\d{3}|latest)$")
"""How vendors mark a dated version of a model: `-2025-08-07`, `-20250929`, `@20250929`, `-0613`, `-latest`."""


class Price(Value):
    """The price of one model, in USD per million tokens."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    """Reasoning is output."""
    cached_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Input that the provider read from its cache. None: as `input`."""
    cache_write: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Input that the provider wrote to its cache. None: as `input`. Endpoints seldom tell how much that was, so all input
    that was not read from the cache is taken for written."""
    long_from: int | None = Field(default=None, ge=1)
    """Calls with more input tokens than this cost `long_factor` times as much, in whole. None: length does not matter."""
    long_factor: float = Field(default=2.0, ge=1, allow_inf_nan=False)

    def of(self, usage: Usage) -> float:
        """Return what one call cost, in USD. Never less than the provider charges; sums of calls must be summed after it."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        fresh = usage.input_tokens - cached
        read = self.input if self.cached_input is None else self.cached_input
        write = max(self.input, self.cache_write or 0.0)
        usd = (fresh * write + cached * read + usage.output_tokens * self.output) / _MILLION
        return usd * self.long_factor if self.long_from is not None and usage.input_tokens > self.long_from else usd


FREE = Price(input=0.0, output=0.0)
"""For endpoints of one's own."""


def _price(input: float, cached: float, output: float, *, write: float | None = None, long: int | None = None) -> Price:  # noqa: A002 (the field's name)
    return Price(input=input, cached_input=cached, output=output, cache_write=write, long_from=long)


# Read on 2026-11-22. Claude: platform.claude.com/docs/en/about-claude/pricing. GPT from 5.3, GPT-5 mini, Grok and Kimi: the table of
# prices per model in GitHub's documentation (github/docs, data/tables/copilot/models-and-pricing.yml, 024f6b0), which keeps the
# vendors' list prices; where it has a second row for long input, output rises by 1.5 and input by 2, and 2 is taken for both.
# GPT-4.1 and GPT-5.2: an earlier version of that table. What is not listed is unknown until the user gives a price.
SHIPPED: Mapping[str, Price] = {
    "gpt-4.1": _price(2.00, 0.50, 8.00),
    "gpt-5-mini": _price(0.25, 0.025, 2.00),
    "gpt-5.2": _price(1.75, 0.175, 14.00),
    "gpt-5.2-codex": _price(1.75, 0.175, 14.00),
    "gpt-5.3-codex": _price(1.75, 0.175, 14.00),
    "gpt-5.4": _price(2.50, 0.25, 15.00, long=272_000),
    "gpt-5.4-mini": _price(0.75, 0.075, 4.50),
    "gpt-5.4-nano": _price(0.20, 0.02, 1.25),
    "gpt-5.5": _price(5.00, 0.50, 30.00, long=272_000),
    "gpt-5.6-luna": _price(0.20, 0.02, 1.20, write=0.25, long=200_000),
    "gpt-5.6-sol": _price(5.00, 0.50, 30.00, write=6.25, long=272_000),
    "gpt-5.6-terra": _price(2.00, 0.20, 12.00, write=2.50, long=272_000),
    "claude-haiku-4-5": _price(1.00, 0.10, 5.00, write=1.25),
    "claude-sonnet-4-5": _price(3.00, 0.30, 15.00, write=3.75),
    "claude-sonnet-4-6": _price(3.00, 0.30, 15.00, write=3.75),
    "claude-sonnet-5": _price(2.00, 0.20, 10.00, write=2.50),
    "claude-opus-4-5": _price(5.00, 0.50, 25.00, write=6.25),
    "claude-opus-4-6": _price(5.00, 0.50, 25.00, write=6.25),
    "claude-opus-4-7": _price(5.00, 0.50, 25.00, write=6.25),
    "claude-opus-4-8": _price(5.00, 0.50, 25.00, write=6.25),
    "claude-opus-5": _price(5.00, 0.50, 25.00, write=6.25),
    "grok-4.5": _price(2.00, 0.50, 6.00, long=200_000),
    "grok-4.6": _price(2.00, 0.50, 6.00, long=200_000),
    "kimi-k3": _price(3.00, 0.30, 15.00),
}


def price_of(model: str, own: Mapping[str, Price] | None = None) -> Price | None:
    """Return the price of a model; None when nobody knows it.

    A name is looked up as it is, then without its dated suffix, then without its provider (`provider/model`), so that the entry
    that says most wins. `gpt-5` never stands for `gpt-5-pro`: a longer name is another model, unless an entry of the user's
    ends in `*`, which stands for every name that begins so.

    Args:
        model: as the user named it.
        own: the user's own prices, by name or beginning of a name (`*` at the end); they go before the shipped ones.
    """
    for table in (own or {}, SHIPPED):
        entries = {key.lower(): price for key, price in table.items()}
        for name in _names(model.lower()):
            if name in entries:
                return entries[name]
            beginnings = [key for key in entries if key.endswith("*") and name.startswith(key[:-1])]
            if beginnings:
                return entries[max(beginnings, key=len)]
    return None


def cost_of(usage: Usage, price: Price | None) -> float | None:
    """Return what one call cost in USD; None when the price is unknown."""
    return None if price is None else price.of(usage)


def _names(model: str) -> list[str]:
    """The names under which a model may be listed, longest first."""
    names: list[str] = []
    while True:
        names += [model, _SNAPSHOT.sub("", model)]
        if "/" not in model:
            return list(dict.fromkeys(names))
        model = model.partition("/")[2]
