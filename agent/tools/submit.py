"""The tool `submit`: says that the work is done. The loop decides whether it is."""

from collections.abc import Mapping
from typing import Any

from agent.models.values import ToolSpec
from agent.tools.values import Observation


class Submit:
    """Marks the end."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            name="submit",
            description=(
                "Say that the change is complete. It is checked: the probe must fail before and pass after, and no test that passed "
                "on base may fail."
            ),
            parameters={
                "type": "object",
                "properties": {
                    "summary": {
                        "type": "string",
                        "description": "what was wrong and what was changed, in a few sentences",
                    },
                    "waiver": {
                        "type": "string",
                        "description": "only when a check cannot be met: which, and why the change is right all the same",
                    },
                },
                "required": ["summary"],
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `Tool.run`."""
        data = {"summary": arguments["summary"].strip(), "waiver": arguments.get("waiver", "").strip()}
        if not data["summary"]:
            return Observation(text="The summary is empty.", ok=False)
        return Observation(text="Submitted.", data=data)
