"""What a selection trajectory can do: try a test, and decide."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.models.values import ToolSpec
from agent.tools.values import Observation

NONE = "none"


class TryTest:
    """Takes a test; the loop runs it."""

    spec = ToolSpec(
        name="try_test",
        description=(
            "Run a stand-alone Python script on the base commit and with each change. It exits with 2 where the problem of the issue is "
            "present and with 0 where it is not; any other code says that the script itself is broken. What it prints is shown."
        ),
        parameters={
            "type": "object",
            "properties": {
                "content": {"type": "string", "description": "the script"},
                "why": {
                    "type": "string",
                    "description": "the words of the issue, or the behaviour before, from which its expectations follow",
                },
            },
            "required": ["content", "why"],
        },
    )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `agent.tools.values.Tool`."""
        content = str(arguments["content"])
        if not content.strip():
            return Observation(text="The script is empty. Nothing was run.", ok=False)
        return Observation(text="", data={"content": content, "why": str(arguments["why"])})


class Decide:
    """Takes the answer."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        self.spec = ToolSpec(
            name="decide",
            description="Name the right change, and end.",
            parameters={
                "type": "object",
                "properties": {
                    "choice": {
                        "type": "string",
                        "description": f"{', '.join(labels)}; or {NONE} when nothing tells them apart",
                    },
                    "why": {"type": "string", "description": "what it rests on, in one or two sentences"},
                },
                "required": ["choice", "why"],
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `agent.tools.values.Tool`."""
        said = str(arguments["choice"]).strip().strip("`'\"*.").removeprefix("change ").removeprefix("Change ")
        known = {label.lower(): label for label in (*self._labels, NONE)}
        choice = known.get(said.strip().lower())
        if choice is None:
            return Observation(text=f"There is no change {said[:40]!r}: {', '.join((*self._labels, NONE))}.", ok=False)
        return Observation(text="Noted.", data={"choice": choice, "why": str(arguments["why"])})
