"""What a trajectory did and saw, without what it said of it (R2E-Gym: judges lean on the narration of what they judge)."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.tools.text import clip, one_line
from agent.trajectory.tape import KIND

_COMMAND = 500
_SEEN = 900  # bytes of one observation
_COMMENT = re.compile(r"^\s*#(?!!).*\n?", re.MULTILINE)
_DIFF = re.compile(r"\AYour change so far:\n(?P<fence>`{3,})\n.*?\n(?P=fence)\n*", re.DOTALL)
_HEADING = re.compile(r"\[(\w+)")
_LOOKS = ("view", "search", "edit")
"""Tools of which it is enough to know what they were about. Those that are missing here only say something."""


def deeds(events: Iterable[Mapping[str, Any]]) -> str:
    """Return a trajectory's course from its journal: commands, tests and what came of them, one after the other.

    Left out: the model's texts and thoughts, summaries, reasons, comments in commands, its own diffs, and the contents of what it
    read. Empty when nothing was run: then there is nothing to see beside the change.
    """
    calls: dict[str, Mapping[str, Any]] = {}
    done: list[str] = []
    for event in events:
        if event.get("kind") == "reply":
            calls = {call["id"]: call for call in event["reply"]["message"].get("tool_calls", ())}
        elif event.get("kind") == KIND:
            key, text = str(event["key"]), str(event["text"])
            done += _call(calls[key], text) if key in calls else _check(key, text)
    if not any("\n" in deed for deed in done):
        return ""
    return "\n".join(f"{number}. {deed}" for number, deed in enumerate(done, 1))


def _call(call: Mapping[str, Any], text: str) -> Iterator[str]:
    """A call of a tool, and what it showed where that is more than the code itself."""
    heading = _HEADING.match(text)  # the tool's own name, whatever the model called it
    name, arguments = heading[1] if heading else "", _arguments(call["arguments"])
    seen = clip(text.partition("\n")[2].strip(), _SEEN)
    if name == "shell":
        command = clip(_COMMENT.sub("", str(arguments.get("command", ""))).strip(), _COMMAND)
        yield f"ran: {command}\n{_indented(seen)}"
    elif name == "run_tests":
        yield f"ran tests {one_line(str(arguments.get('tests', '')), 200)}\n{_indented(seen)}"
    elif name == "write_probe":
        yield "wrote a test of its own"
    elif name in _LOOKS:
        about = next((arguments[key] for key in ("path", "pattern", "symbol", "edits") if arguments.get(key)), "")
        if isinstance(about, list):
            about = " ".join(sorted({str(one.get("path", "")) for one in about if isinstance(one, dict)}))
        yield f"{name} {one_line(str(about), 120)}"


def _check(key: str, text: str) -> Iterator[str]:
    """What the loop itself found: the test that the trajectory wrote, and the repository's tests."""
    if key.startswith("probe-"):
        yield f"its test was run:\n{_indented(clip(text, _SEEN))}"
    elif key.startswith("check-"):
        seen = _DIFF.sub("", text).partition("\n\nThe evidence is complete")[0]
        yield f"its work was checked:\n{_indented(clip(seen, 2 * _SEEN))}"


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.split("\n"))
