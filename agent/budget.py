"""Budgets: hard limits on what model calls may spend.

The worst case of a call is reserved before it is sent and settled after it, so that no interleaving of parallel calls spends
more than a limit. A budget may have a parent (a run's in a batch's, a trajectory's in a run's): a call must fit in all of them.
"""

import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pydantic import Field

from agent.models.errors import BudgetExhausted, PriceUnknown
from agent.values import Usage
from sandbox.values import Value


class BudgetLimits(Value):
    """What may be spent. None: no limit. 0: nothing, every call is refused."""

    usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    tokens: int | None = Field(default=None, ge=0)
    """Input and output together."""
    calls: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Wall time since the budget was made. No call starts after it; one that is under way may end after it."""


class Remaining(Value):
    """What is left, reservations taken off. None: no limit."""

    usd: float | None
    tokens: int | None
    calls: int | None
    seconds: float | None


_NOTHING = Usage()
_ROUNDING = 1e-9
"""USD. Sums of binary fractions are off by far less, and no price is that small."""


class Budget:
    """Counts what is spent and what is reserved against limits. Safe to use from several threads.

    A process that resumes a trajectory hands over what the journal says was spent before (`past`). That counts against every
    limit at once; `spent`, `remaining` and `fraction_left` show it only as the journal's replies are served back (`recall`),
    so that a resumed trajectory sees the same budget at each turn as the killed one did, and decides the same. Make the
    budgets of all trajectories that are to be resumed before the first call.
    """

    def __init__(
        self,
        limits: BudgetLimits | None = None,
        *,
        parent: "Budget | None" = None,
        spent: Usage = _NOTHING,
        past: Usage = _NOTHING,
        elapsed_s: float = 0.0,
        label: str = "budget",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start to count.

        Args:
            limits: of this budget alone; None for a part of the parent's that only counts.
            parent: must cover each call as well, and counts all that this one counts.
            spent: what earlier processes spent and nobody will serve back.
            past: what earlier processes spent and a journal will serve back.
            elapsed_s: seconds that earlier processes took.
            label: what it is called where it refuses a call.
            clock: seconds, monotonic.
        """
        self.limits = limits or BudgetLimits()
        self._chain: tuple[Budget, ...] = (self, *(parent._chain if parent else ()))
        # One lock for the whole tree: reservations are rare and short, and there is no order of locks to get wrong.
        self._lock: threading.Lock = parent._lock if parent else threading.Lock()
        self._label = label
        self._clock = clock
        self._start = clock() - elapsed_s
        self._spent = self._past = self._reserved = _NOTHING
        with self._lock:
            for budget in self._chain:
                budget._spent += spent
                budget._past += past

    @property
    def spent(self) -> Usage:
        """What was settled, without what is reserved. `usd` is None once a price was unknown."""
        with self._lock:
            return self._spent

    def reserve(self, worst: Usage) -> "Reservation":
        """Set the worst case of a call aside, in this budget and all above it, or in none.

        Raises:
            BudgetExhausted: a limit does not cover it.
            PriceUnknown: there is a limit in USD, and `worst.usd` or something spent before is None.
        """
        with self._lock:
            for budget in self._chain:
                budget._require(worst)
            for budget in self._chain:
                budget._reserved += worst
        return Reservation(self, worst)

    def recall(self, usage: Usage) -> None:
        """Show a part of `past` as spent: a journal served the reply that it paid for."""
        with self._lock:
            for budget in self._chain:
                budget._past = _minus(budget._past, usage)
                budget._spent += usage

    def fits(self, worst: Usage) -> int | None:
        """Say how many more calls of this worst case fit, one after the other; None: no limit stands against it.

        What is served from a journal does not change the answer. 0 where a price is unknown and a limit is in USD.
        """
        with self._lock:
            counts = [count for budget in self._chain if (count := budget._fits(worst)) is not None]
        return min(counts, default=None)

    def remaining(self) -> Remaining:
        """Return what is left under the tightest limit of each kind, here and above. Never negative; USD is 0 where it is unknown."""
        with self._lock:
            lefts = [budget._left() for budget in self._chain]

        def tightest(values: list[float | None]) -> float | None:
            return min((value for value in values if value is not None), default=None)

        tokens, calls = tightest([left["tokens"] for left in lefts]), tightest([left["calls"] for left in lefts])
        return Remaining(
            usd=tightest([left["usd"] for left in lefts]),
            tokens=None if tokens is None else int(tokens),
            calls=None if calls is None else int(calls),
            seconds=tightest([left["seconds"] for left in lefts]),
        )

    def fraction_left(self) -> float:
        """Return the smallest share of any limit, here or above, that is left: 1.0 untouched or unlimited, 0.0 used up."""
        with self._lock:
            return min(
                (
                    left / limit if limit else 0.0
                    for budget in self._chain
                    for kind, left in budget._left().items()
                    if left is not None and (limit := getattr(budget.limits, kind)) is not None
                ),
                default=1.0,
            )

    def _left(self) -> dict[str, float | None]:
        """What this budget alone has left, by kind of limit; None without a limit."""
        taken, limits = self._spent + self._reserved, self.limits
        usd = None if limits.usd is None else 0.0 if taken.usd is None else max(0.0, limits.usd - taken.usd)
        return {
            "usd": usd,
            "tokens": None if limits.tokens is None else max(0, limits.tokens - _tokens(taken)),
            "calls": None if limits.calls is None else max(0, limits.calls - taken.calls),
            "seconds": None if limits.seconds is None else max(0.0, limits.seconds - (self._clock() - self._start)),
        }

    def _fits(self, worst: Usage) -> int | None:
        left = self._left()
        needs = {"usd": worst.usd, "tokens": _tokens(worst), "calls": worst.calls}
        counts = [0] if left["seconds"] == 0 else []
        for kind, need in needs.items():
            room = left[kind]
            if room is None:
                continue
            if need is None:
                counts.append(0)
            elif need:
                counts.append(math.floor(room / need + _ROUNDING))
        return min(counts, default=None)

    def _require(self, worst: Usage) -> None:
        """Raise unless this budget alone covers the worst case on top of everything that is spent, past and reserved."""
        limits, total = self.limits, self._spent + self._past + self._reserved + worst
        if limits.usd is not None and total.usd is None:
            raise PriceUnknown(
                f"There is a limit of {limits.usd:g} USD, but the price of the model is unknown.",
                hint="Give its price (0 for an endpoint of your own), or limit tokens or calls instead of USD.",
            )
        if limits.usd is not None and total.usd is not None and (total.usd > limits.usd + _ROUNDING or limits.usd == 0):
            raise self._exhausted(
                f"{limits.usd:g} USD", f"{total.usd - (worst.usd or 0):.4f}", f"{worst.usd or 0:.4f} USD"
            )
        if limits.tokens is not None and (_tokens(total) > limits.tokens or limits.tokens == 0):
            need = _tokens(worst)
            raise self._exhausted(f"{limits.tokens} tokens", str(_tokens(total) - need), f"{need} tokens")
        if limits.calls is not None and (total.calls > limits.calls or limits.calls == 0):
            raise self._exhausted(f"{limits.calls} calls", str(total.calls - worst.calls), "one")
        elapsed = self._clock() - self._start
        if limits.seconds is not None and elapsed >= limits.seconds:
            raise BudgetExhausted(
                f"The {self._label} of {limits.seconds:g} seconds is used up.",
                hint="Raise the limit to go on from here.",
            )

    def _exhausted(self, limit: str, used: str, need: str) -> BudgetExhausted:
        return BudgetExhausted(
            f"The {self._label} of {limit} does not cover the next call: {used} are spent or reserved, and it may need {need}.",
            hint="Raise the limit to go on from here.",
        )


class Reservation:
    """The worst case of one call, set aside until it is settled. Leaving the context settles what nobody settled.

    A call that ends without a word may have been billed: leaving without `settle` or `release` keeps the worst case as spent.
    """

    def __init__(self, budget: Budget, worst: Usage) -> None:
        self.worst = worst
        self._budget = budget
        self._open = True

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settle at the worst case unless that was done."""
        if self._open:
            self.settle(self.worst)

    def settle(self, actual: Usage) -> None:
        """Replace the worst case by what the call cost. Only the first settlement counts.

        More than the worst case is recorded as it is: the truth outranks the limit, and nothing is sent after it.
        """
        budget = self._budget
        with budget._lock:
            if not self._open:
                return
            self._open = False
            for one in budget._chain:
                one._reserved = _minus(one._reserved, self.worst)
                one._spent += actual

    def release(self) -> None:
        """Settle at nothing: the call was never sent, or certainly not billed."""
        self.settle(_NOTHING)


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens


def _minus(whole: Usage, part: Usage) -> Usage:
    """Take a part off, never below nothing. An unknown price stays unknown while anything of it is left."""
    calls = max(0, whole.calls - part.calls)
    usd = whole.usd
    if usd is not None:
        usd = max(0.0, usd - (part.usd or 0.0))
    if not calls and part.usd is None:
        usd = 0.0
    return Usage(
        calls=calls,
        input_tokens=max(0, whole.input_tokens - part.input_tokens),
        output_tokens=max(0, whole.output_tokens - part.output_tokens),
        cached_tokens=max(0, whole.cached_tokens - part.cached_tokens),
        usd=usd,
        cpu_seconds=max(0.0, whole.cpu_seconds - part.cpu_seconds),
        estimated_calls=max(0, whole.estimated_calls - part.estimated_calls),
    )
