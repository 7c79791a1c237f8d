"""How the front door gets its models: an endpoint from plain values, and from it one model for each trajectory."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pydantic import Field, SecretStr

from agent.budget import Budget, BudgetLimits
from agent.journal import Journal
from agent.models.budgeted import BudgetedModel
from agent.models.errors import PriceUnknown
from agent.models.gate import Gate
from agent.models.journaled import JournaledModel
from agent.models.openai_chat import OpenAIChat, ToolProtocol
from agent.models.port import ChatModel
from agent.models.prices import Price, price_of
from agent.models.retrying import RetryingModel, RetryPolicy
from agent.models.unordered import UnorderedModel
from agent.models.values import ChatRequest, Reply
from sandbox.values import Value


class ModelSpec(Value):
    """One model of one endpoint, as settings give it."""

    name: str = Field(min_length=1)
    base_url: str | None = None
    """Up to `/v1`. None: OpenAI's own."""
    api_key: SecretStr | None = None
    """None: none is sent."""
    headers: Mapping[str, SecretStr] = Field(default_factory=dict)
    timeout_s: float = Field(default=600.0, gt=0)
    """Seconds of one try."""
    retry: RetryPolicy = RetryPolicy()
    tool_protocol: ToolProtocol = "auto"
    prices: Mapping[str, Price] = Field(default_factory=dict)
    """The user's own, by model name, or the beginning of one with `*` at its end."""


class TrajectoryModel:
    """A chat model with its budget and its journal: what one trajectory talks to. For one thread at a time, but for `for_calls`."""

    def __init__(self, model: ChatModel, budgeted: BudgetedModel) -> None:
        self._model = model
        self._budgeted = budgeted

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self._model.name

    @property
    def budget(self) -> Budget:
        """What pays; `fraction_left` says when to wind down."""
        return self._budgeted.budget

    def complete(self, request: ChatRequest) -> Reply:
        """See `ChatModel.complete`. `Reply.usage` is what the budget was charged, failed tries included."""
        return self._model.complete(request)

    def calls_left(self, request: ChatRequest) -> int | None:
        """Say how many more calls of this size the budget covers, at their worst; None: no limit stands against it."""
        return self._budgeted.calls_left(request)


class Endpoint:
    """A model that many trajectories share: its connections, what was learned of it, its price, and its pauses."""

    def __init__(
        self,
        model: ChatModel,
        price: Price | None,
        *,
        retry: RetryPolicy | None = None,
        stop: threading.Event | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """Keep the parts; `open_model` makes them from plain values.

        Args:
            model: tries once.
            price: None: unknown.
            retry: None: as by default.
            stop: once set, no call starts.
            sleep: see `RetryingModel`.
        """
        self.model = model
        self.price = price
        self._retry = retry
        self._gate = Gate()
        self._stop = stop
        self._sleep = sleep

    @property
    def name(self) -> str:
        """As the user named it."""
        return self.model.name

    def require_price(self, limits: BudgetLimits) -> None:
        """Refuse limits that cannot be kept, before any work is done.

        Raises:
            PriceUnknown: there is a limit in USD, and the model's price is unknown.
        """
        if limits.usd is not None and self.price is None:
            raise PriceUnknown(
                f"There is a limit of {limits.usd:g} USD, but the price of {self.name} is unknown.",
                hint="Give its price (0 for an endpoint of your own), or limit tokens or calls instead of USD.",
            )

    def for_trajectory(self, budget: Budget, journal: Journal | None = None, *, recall: bool = True) -> TrajectoryModel:
        """Return the model of one trajectory.

        Args:
            budget: the trajectory's own, with the run's as its parent; made with `past=usage_of(journal.past)`.
            journal: served back and written to; None: nothing is kept.
            recall: the journal's past was not counted as spent yet. False where this very budget paid for it.
        """
        budgeted = BudgetedModel(self.model, budget, self.price)
        retrying = RetryingModel(budgeted, self._retry, gate=self._gate, stop=self._stop, sleep=self._sleep)
        model = (
            retrying
            if journal is None
            else JournaledModel(retrying, journal, on_served=budgeted.served if recall else None)
        )
        return TrajectoryModel(model, budgeted)

    def for_calls(self, budget: Budget, journal: Journal, *, recall: bool = True) -> TrajectoryModel:
        """Return a model for calls that do not depend on each other, from several threads; arguments as above."""
        budgeted = BudgetedModel(self.model, budget, self.price)
        retrying = RetryingModel(budgeted, self._retry, gate=self._gate, stop=self._stop, sleep=self._sleep)
        model = UnorderedModel(retrying, journal, on_served=budgeted.served if recall else None)
        return TrajectoryModel(model, budgeted)


@contextmanager
def open_model(spec: ModelSpec, *, stop: threading.Event | None = None) -> Iterator[Endpoint]:
    """Open an endpoint; leaving the context closes its connections. Nothing is sent and nothing heavy imported before the first call.

    Args:
        spec: what the user wants.
        stop: once set, calls under way end within a second with `ModelUnavailable("stopped")`, and no other starts.
    """
    chat = OpenAIChat(
        spec.name,
        base_url=spec.base_url,
        api_key=spec.api_key.get_secret_value() if spec.api_key else None,
        headers={name: value.get_secret_value() for name, value in spec.headers.items()},
        timeout_s=spec.timeout_s,
        tool_protocol=spec.tool_protocol,
        stop=stop,
    )
    try:
        yield Endpoint(chat, price_of(spec.name, spec.prices), retry=spec.retry, stop=stop)
    finally:
        chat.close()
