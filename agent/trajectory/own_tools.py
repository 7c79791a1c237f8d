"""Tools that belong to the loop and not to the sandbox: they only say something to it."""

from collections.abc import Mapping
from typing import Any

from agent.models.values import ToolSpec
from agent.tools.values import Observation


class AcceptProbe:
    """Ends the phase in which the problem is shown."""

    spec = ToolSpec(
        name="accept_probe",
        description="The probe shows the problem for the reason that the issue names: go on to the fix.",
        parameters={
            "type": "object",
            "properties": {"reason": {"type": "string", "description": "What it shows, in one sentence."}},
            "required": ["reason"],
            "additionalProperties": False,
        },
    )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `agent.tools.values.Tool`."""
        return Observation(text="Noted.", data={"accepted": str(arguments["reason"])})


class KeepProbe:
    """Keeps the test that was written last, and goes on to another."""

    spec = ToolSpec(
        name="keep_probe",
        description="Keep the probe that was written last: it shows the problem for the reason that the issue names.",
        parameters={
            "type": "object",
            "properties": {
                "reason": {"type": "string", "description": "Which words of the issue it tests, in one sentence."}
            },
            "required": ["reason"],
            "additionalProperties": False,
        },
    )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `agent.tools.values.Tool`."""
        return Observation(text="It is run on the base commit.", data={"kept": str(arguments["reason"])})


class Finish:
    """Ends a try that makes no change."""

    spec = ToolSpec(
        name="finish",
        description="End: what was kept is all that is worth keeping.",
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
    )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `agent.tools.values.Tool`."""
        del arguments
        return Observation(text="Finished.", data={"finished": True})


class Locate:
    """Names the places to be shown before a change is written in one go."""

    spec = ToolSpec(
        name="locate",
        description="Name the places to change or to read, the ones to change first.",
        parameters={
            "type": "object",
            "properties": {
                "places": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "path": {"type": "string"},
                            "symbols": {
                                "type": "array",
                                "items": {"type": "string"},
                                "description": "Functions, classes or Class.method; empty for the whole file.",
                            },
                        },
                        "required": ["path"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["places"],
            "additionalProperties": False,
        },
    )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `agent.tools.values.Tool`."""
        return Observation(text="Their code follows.", data={"places": arguments["places"]})
