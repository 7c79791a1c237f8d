"""A chat model whose calls are paid from a budget."""

import threading

from agent.budget import Budget
from agent.models.errors import ModelError
from agent.models.port import ChatModel
from agent.models.prices import Price, cost_of
from agent.models.sizes import Sizes, estimate
from agent.models.values import ChatRequest, Reply
from agent.values import Usage


class BudgetedModel:
    """Reserves the worst case of each call before it is sent, and settles by the endpoint's own token counts.

    The model inside must be one that tries once: repetitions belong outside (`RetryingModel`), so that each of them is reserved.
    """

    def __init__(self, model: ChatModel, budget: Budget, price: Price | None) -> None:
        """Keep the parts.

        Args:
            model: answers, in one try.
            budget: pays.
            price: of that model. None: unknown; replies have no USD, and a budget with a limit in USD refuses every call.
        """
        self._model = model
        self._budget = budget
        self._price = price
        self._sizes = Sizes()
        self._lock = threading.Lock()
        self._estimated = 0

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self._model.name

    @property
    def budget(self) -> Budget:
        """Where the money comes from."""
        return self._budget

    @property
    def estimated_calls(self) -> int:
        """Calls whose tokens the endpoint did not count, and which were estimated from the text."""
        with self._lock:
            return self._estimated

    def worst(self, request: ChatRequest) -> Usage:
        """Return the most that a call may cost: an upper bound of the prompt, all output, nothing cached."""
        return self._priced(self._sizes.worst(request))

    def calls_left(self, request: ChatRequest) -> int | None:
        """Say how many more calls of this size the budget covers; None: no limit stands against it.

        At 1 the next call is the last one: spend it on submitting.
        """
        return self._budget.fits(self.worst(request))

    def complete(self, request: ChatRequest) -> Reply:
        """See `ChatModel.complete`; the reply's usage has its USD, and an error's usage says what was charged for it."""
        with self._budget.reserve(self.worst(request)) as reservation:
            try:
                reply = self._model.complete(request)
            except ModelError as error:
                error.usage = self._charge(error, reservation.worst)
                reservation.settle(error.usage)
                raise
            reply = self._counted(request, reply)
            reservation.settle(reply.usage)
        self._sizes.learn(request, reply)
        return reply

    def served(self, request: ChatRequest | None, reply: Reply | None, usage: Usage) -> None:
        """Take note of a call that a journal served: it was paid before, and it shows as spent now.

        Args:
            request: what was asked; None for a call whose reply is not used any more.
            reply: what was served; None as above, and for an error.
            usage: what it cost then.
        """
        self._budget.recall(usage)
        if request is not None and reply is not None:
            self._sizes.learn(request, reply)

    def _counted(self, request: ChatRequest, reply: Reply) -> Reply:
        usage = reply.usage
        if usage.input_tokens <= 0 or (
            usage.output_tokens <= 0 and (reply.message.content or reply.message.tool_calls)
        ):
            usage = estimate(request, reply)
            with self._lock:
                self._estimated += 1
        return reply.model_copy(update={"usage": self._priced(usage)})

    def _charge(self, error: ModelError, worst: Usage) -> Usage:
        """What a failed call cost: what the endpoint said, else everything it might have, else nothing."""
        if error.usage is not None:
            return self._priced(error.usage)
        if error.maybe_billed:
            return worst.model_copy(update={"estimated_calls": 1})
        return Usage(calls=1)

    def _priced(self, usage: Usage) -> Usage:
        return usage.model_copy(update={"usd": cost_of(usage, self._price)})
