"""Values and contract of tools."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import Field

from agent.models.values import ToolSpec
from sandbox.values import Value


class ToolLimits(Value):
    """What one call may use; said to the model up front."""

    command_s: float = Field(default=120.0, gt=0)
    """Seconds of one shell command."""
    tests_s: float = Field(default=600.0, gt=0)
    """Seconds of one run of tests."""
    observation_bytes: int = Field(default=16_000, ge=1000)
    """UTF-8 bytes of one observation; more is clipped in the middle, and what was cut is said."""


class Observation(Value):
    """What a tool answers."""

    text: str
    """For the model; at most `ToolLimits.observation_bytes` long."""
    ok: bool = True
    """False: the call itself was wrong or could not be done (unknown tool, bad arguments, no such file). A failing command
    or test is ok: it is what the model wanted to know."""
    data: Mapping[str, Any] = Field(default_factory=dict)
    """For the loop, not the model; plain JSON values only."""


class Tool(Protocol):
    """One thing that a model can do."""

    @property
    def spec(self) -> ToolSpec:
        """How the model is told of it."""

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """Do it; `arguments` are valid against the spec's schema.

        Raises:
            SandboxError: the machine is at fault. Everything else is an observation.
        """
