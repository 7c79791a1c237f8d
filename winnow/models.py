"""What the settings say of models: which one chooses, how they are reached and drawn from, and how far a trajectory may go."""

from agent.models.open import ModelSpec
from agent.models.prices import Price
from agent.models.retrying import RetryPolicy
from agent.models.values import Sampling
from agent.tools.values import ToolLimits
from agent.trajectory.values import LoopLimits
from winnow.settings import Settings

_SHORT = 8_192
"""Output tokens of one opinion, reasoning included."""


def selecting_model(settings: Settings) -> str:
    """Name of the model that judges and writes tests for the selection; empty where no model is named."""
    return settings.selection.judge_model or (settings.model.names[0] if settings.model.names else "")


def spec(settings: Settings, name: str) -> ModelSpec:
    """How a model is reached."""
    model = settings.model
    return ModelSpec(
        name=name,
        base_url=model.base_url,
        api_key=model.api_key,
        timeout_s=model.timeout_s,
        retry=RetryPolicy(retries=model.retries),
        tool_protocol=model.tools,
        prices={
            known: Price(input=fresh, cached_input=cached, output=output)
            for known, (fresh, cached, output) in model.prices.items()
        },
    )


def judging(settings: Settings) -> Sampling:
    """How opinions are drawn: greedily where the user says nothing else."""
    model = settings.model
    return Sampling(
        temperature=0.0 if model.temperature is None else model.temperature,
        max_output_tokens=min(_SHORT, model.max_output_tokens),
        reasoning_effort=model.reasoning_effort,
    )


def sampling(settings: Settings) -> Sampling:
    """What all calls share; temperature and seed are the assignment's."""
    model = settings.model
    return Sampling(
        temperature=model.temperature,
        max_output_tokens=model.max_output_tokens,
        reasoning_effort=model.reasoning_effort,
    )


def _tool_limits(settings: Settings) -> ToolLimits:
    agent = settings.agent
    return ToolLimits(
        command_s=agent.command_timeout_s, tests_s=agent.test_timeout_s, observation_bytes=agent.observation_bytes
    )


def loop_limits(settings: Settings) -> LoopLimits:
    """How far one trajectory may go."""
    agent = settings.agent
    return LoopLimits(
        turns=agent.turns,
        iterations=agent.iterations,
        context_tokens=settings.model.context_tokens,
        refusals=agent.refusals,
        check_s=agent.check_timeout_s,
        tools=_tool_limits(settings),
    )
