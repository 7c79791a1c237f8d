"""Repetition of calls: the one place where a call is sent again."""

import random
import threading
import time
from collections.abc import Callable

from pydantic import Field

from agent.models.errors import BudgetExhausted, ModelError, ModelUnavailable
from agent.models.gate import Gate
from agent.models.port import ChatModel
from agent.models.values import ChatRequest, Reply
from agent.values import Usage
from sandbox.values import Value


class RetryPolicy(Value):
    """How often, and for how long, a call is repeated."""

    retries: int = Field(default=8, ge=0)
    """Repetitions after the first try; 0: none."""
    total_s: float = Field(default=900.0, ge=0)
    """Seconds from the first try after which no other one starts."""
    first_wait_s: float = Field(default=1.0, ge=0)
    """Seconds before the first repetition; doubled for each further one, and shortened by up to half at random."""
    longest_wait_s: float = Field(default=60.0, ge=0)
    """Seconds between two tries at most, where the endpoint does not ask for more."""


class RetryingModel:
    """Repeats what a repetition may cure, with growing pauses, or as long as the endpoint asks for.

    Stands outside of the budget, so that every try is paid for by itself. Safe to use from several threads.
    """

    def __init__(
        self,
        model: ChatModel,
        policy: RetryPolicy | None = None,
        *,
        gate: Gate | None = None,
        stop: threading.Event | None = None,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Keep the parts.

        Args:
            model: tries once.
            policy: how often; None: as by default.
            gate: what all callers of the endpoint pass; None: there are no others.
            stop: once set, no try starts and pauses end.
            sleep: waits so many seconds; None: until `stop` is set, at most.
            clock: seconds, monotonic.
            chance: a number from 0 to 1, for the length of pauses.
        """
        self._model = model
        self._policy = policy or RetryPolicy()
        self._gate = gate or Gate()
        self._stop = stop or threading.Event()
        self._sleep = sleep or self._stop.wait
        self._clock = clock
        self._chance = chance

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self._model.name

    def complete(self, request: ChatRequest) -> Reply:
        """See `ChatModel.complete`; the usage of a reply, or of an error, is that of all tries together."""
        start = self._clock()
        lost = Usage()
        tries = 0
        while True:
            with self._gate.passed(self._stop):
                if self._stop.is_set():
                    raise stopped(usage=lost)
                tries += 1
                try:
                    reply = self._model.complete(request)
                except BudgetExhausted as error:
                    error.usage = lost
                    raise
                except ModelError as error:
                    lost += error.usage or Usage()
                    pause = self._pause(error, tries, self._clock() - start)
                    if isinstance(error, ModelUnavailable) and error.limited and error.retryable:
                        # Who gives up had better keep the others from trying at once, too.
                        self._gate.limited(error.retry_after_s or pause or self._policy.first_wait_s)
                    if pause is None:
                        raise _final(error, lost, tries) from None
                else:
                    self._gate.answered()
                    usage = reply.usage + lost if tries > 1 else reply.usage
                    return reply.model_copy(update={"usage": usage, "seconds": self._clock() - start})
            self._sleep(pause)

    def _pause(self, error: ModelError, tries: int, passed: float) -> float | None:
        """Seconds to wait before the next try; None: there is none."""
        policy = self._policy
        if not isinstance(error, ModelUnavailable) or not error.retryable or tries > policy.retries:
            return None
        if error.retry_after_s is not None:
            # All clients of an endpoint are often told the same moment.
            pause = error.retry_after_s * (1 + 0.1 * self._chance())
        else:
            grown = policy.first_wait_s * 2.0 ** min(tries - 1, 30)
            pause = min(policy.longest_wait_s, grown) * (1 - 0.5 * self._chance())
        return pause if passed + pause <= policy.total_s else None


def stopped(*, usage: Usage | None = None, maybe_billed: bool = False) -> ModelUnavailable:
    """Return the error of a call that the user's wish to stop has ended."""
    return ModelUnavailable("stopped", usage=usage, maybe_billed=maybe_billed, retryable=False)


def _final(error: ModelError, lost: Usage, tries: int) -> ModelError:
    """The error that comes out: the last one, with what all tries cost together."""
    error.usage = lost
    if tries == 1 or not isinstance(error, ModelUnavailable) or not error.retryable:
        return error
    return ModelUnavailable(
        f"{error} (tried {tries} times)",
        hint=error.hint,
        usage=lost,
        retryable=False,
        retry_after_s=error.retry_after_s,
        limited=error.limited,
    )
