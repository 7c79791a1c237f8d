"""All tools of one trajectory: calls come in as the model wrote them, observations go out bounded."""

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from agent.models.values import ToolCall, ToolSpec
from agent.tools.arguments import Invalid, read_arguments
from agent.tools.edit import EditFiles
from agent.tools.run_tests import RunTests
from agent.tools.search import Search
from agent.tools.shell import Shell
from agent.tools.submit import Submit
from agent.tools.text import clip, one_line, size
from agent.tools.tree import Tree
from agent.tools.values import Observation, Tool, ToolLimits
from agent.tools.view import View
from agent.tools.write_probe import WriteProbe
from agent.values import Brief
from envs.workspace import Workspace

_OTHER_NAMES = {
    "bash": "shell", "execute_bash": "shell", "terminal": "shell", "run": "shell", "execute": "shell", "cd": "shell",
    "cat": "view", "open": "view", "read": "view", "read_file": "view", "ls": "view", "list_files": "view",
    "str_replace": "edit", "str_replace_editor": "edit", "file_editor": "edit", "write_file": "edit", "apply_patch": "edit",
    "grep": "search", "find": "search", "pytest": "run_tests", "test": "run_tests", "finish": "submit", "done": "submit",
}  # fmt: skip
"""What other agents call these tools; models remember them."""
_SEPARATORS = re.compile(r"[.:/|<>]+")
_MAIN = ("command", "path", "pattern", "symbol", "tests", "summary", "edits")
_HEADING = 100


def make_toolbox(
    workspace: Workspace,
    brief: Brief,
    limits: ToolLimits | None = None,
    *,
    leave_out: Collection[str] = (),
    extra: Sequence[Tool] = (),
) -> "Toolbox":
    """Return the tools over an open workspace.

    Args:
        workspace: where they work.
        brief: its suite, base report and interpreter are used.
        limits: None for the defaults.
        leave_out: names of tools that are not offered.
        extra: the loop's own.
    """
    limits = limits or ToolLimits()
    # Room for the heading, so that nothing that a tool has clipped is clipped again.
    inner = limits.model_copy(update={"observation_bytes": limits.observation_bytes - 2 * _HEADING})
    tree, python = Tree(workspace), brief.image.python
    tools: tuple[Tool, ...] = (
        Shell(tree, inner),
        View(tree, inner),
        Search(tree, inner),
        EditFiles(tree, python, inner),
        RunTests(tree, brief, inner),
        WriteProbe(tree, python),
        Submit(),
        *extra,
    )
    return Toolbox([tool for tool in tools if tool.spec.name not in leave_out], limits)


class Toolbox:
    """Tools by name. One trajectory uses it from one thread."""

    def __init__(self, tools: Sequence[Tool], limits: ToolLimits) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        self._limit = limits.observation_bytes
        self.specs: tuple[ToolSpec, ...] = tuple(tool.spec for tool in tools)

    def name_of(self, name: str) -> str:
        """Return the name of the tool that is meant: models put namespaces before it, and their own tokens behind it."""
        parts = [part.strip() for part in _SEPARATORS.split(name)]
        meant = {part for part in parts if part in self._tools}
        return meant.pop() if len(meant) == 1 else name.strip()

    def call(self, call: ToolCall) -> Observation:
        """Do what a call asks for; what is wrong with the call is said in the observation.

        Raises:
            SandboxError: the machine is at fault.
        """
        return self._call(call, self._limit)[0]

    def call_all(self, calls: Iterable[ToolCall]) -> tuple[Observation, ...]:
        """Do several calls one after the other, in their order, each seeing what those before it did.

        Each observation is headed by the tool's name and what it was about.

        Raises:
            SandboxError: the machine is at fault.
        """
        observations = []
        for call in calls:
            observation, heading = self._call(call, self._limit - 2 * _HEADING)
            observations.append(observation.model_copy(update={"text": f"{heading}\n{observation.text}"}))
        return tuple(observations)

    def _call(self, call: ToolCall, limit: int) -> tuple[Observation, str]:
        heading = f"[{one_line(call.name, 40)}]"
        tool = self._tools.get(self.name_of(call.name))
        if tool is None:
            return Observation(text=clip(self._unknown(call.name), limit), ok=False), heading
        try:
            arguments = read_arguments(call.arguments, tool.spec.parameters)
        except Invalid as error:
            return Observation(text=clip(f"{error} Nothing was done.", limit), ok=False), heading
        heading = f"[{tool.spec.name}{_about(arguments)}]"
        try:
            observation = tool.run(arguments)
        except OSError as error:  # a path, or a folder made for one, that this machine does not take
            observation = Observation(text=f"{tool.spec.name} could not be done: {error.strerror or error}.", ok=False)
        if size(observation.text) > limit:
            observation = observation.model_copy(update={"text": clip(observation.text, limit)})
        return observation, heading

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name.lower(), self._tools, n=1, cutoff=0.5)
        parts = [part.strip().lower() for part in (name, *_SEPARATORS.split(name))]
        other = [_OTHER_NAMES[part] for part in parts if part in _OTHER_NAMES]
        meant = (other or near or [""])[0]
        guess = f" Did you mean `{meant}`?" if meant in self._tools else ""
        return f"There is no tool `{one_line(name, 60)}`.{guess} Tools: {', '.join(self._tools)}. Nothing was done."


def _about(arguments: Mapping[str, object]) -> str:
    """Return the argument that tells this call from others, short."""
    value = next((arguments[name] for name in _MAIN if arguments.get(name)), "")
    if isinstance(value, list):
        paths = [item["path"] if isinstance(item, dict) else item for item in value]
        value = " ".join(dict.fromkeys(map(str, paths)))
    text = one_line(str(value), _HEADING // 2)
    while len(json.dumps(text, ensure_ascii=False).encode()) > _HEADING + 40:
        text = f"{text[:-8]}…"
    return f" {text}" if text else ""
