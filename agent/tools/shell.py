"""The tool `shell`: one command in the work tree."""

from collections.abc import Mapping
from typing import Any

from agent.models.values import ToolSpec
from agent.tools.text import clean, clip
from agent.tools.tree import SECONDS, Tree
from agent.tools.values import Observation, ToolLimits
from sandbox.values import ExecResult

ENV = {"PAGER": "cat", "GIT_PAGER": "cat", "MANPAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}
KEPT_BYTES = 1 << 20
_LONGEST_ARGUMENT = 100_000
"""Bytes; Linux takes no single argument of 128 KiB."""
_LONG_COMMAND = ".winnow/command.sh"
# Both streams in the order in which they were written; bash where there is one.
_RUN = 'command -v bash >/dev/null && exec bash -c -- "$1" 2>&1; exec sh -c -- "$1" 2>&1'
_RUN_FILE = 'command -v bash >/dev/null && exec bash "$1" 2>&1; exec sh "$1" 2>&1'


class Shell:
    """Runs commands; the file system is all that stays from one to the next."""

    def __init__(self, tree: Tree, limits: ToolLimits) -> None:
        self._tree, self._limits = tree, limits
        self.spec = ToolSpec(
            name="shell",
            description=(
                "Run a bash command in the repository's folder. Each call is a fresh shell: cd and variables do not carry over; "
                f"no input, no network. After {limits.command_s:g} s, and at the end of the command, everything that it started is "
                f"killed. Output over {-(-limits.observation_bytes // 1000)} kB is cut in the middle."
            ),
            parameters={
                "type": "object",
                "properties": {
                    "command": {"type": "string"},
                    "timeout": {
                        "type": "number",
                        "minimum": 1,
                        "description": f"seconds, at most {limits.command_s:g}",
                    },
                },
                "required": ["command"],
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `Tool.run`."""
        command: str = arguments["command"]
        if not command.strip():
            return Observation(text="The command is empty.", ok=False)
        if "\0" in command:
            return Observation(text="The command holds a NUL character, which no command can.", ok=False)
        most = self._limits.command_s
        asked = arguments.get("timeout", most)
        seconds = min(asked, most)
        argv = ("sh", "-c", _RUN, "sh", command)
        long = len(command.encode()) > _LONGEST_ARGUMENT
        if long:
            self._tree.box.write(_LONG_COMMAND, command.encode())
            argv = ("sh", "-c", _RUN_FILE, "sh", _LONG_COMMAND)
        kept = max(KEPT_BYTES, 4 * self._limits.observation_bytes)
        result = self._tree.box.exec(argv, timeout=seconds, env=ENV, max_bytes=kept)
        if long:
            self._tree.box.exec(("rm", "-f", _LONG_COMMAND), timeout=SECONDS)
        note = f"\n(timeout {asked:g} s is over the limit; {most:g} s was used)" if asked > most else ""
        ending = _ending(result, seconds, most) + note
        output = clean(result.stdout).strip("\n")
        room = self._limits.observation_bytes - len(ending.encode()) - 1
        hint = "redirect to a file and look at parts of it with view or grep"
        output = clip(output, room, hint=hint, omitted=result.stdout_bytes - len(result.stdout))
        data = {"exit_code": result.exit_code, "timed_out": result.timed_out, "seconds": round(result.seconds, 3)}
        return Observation(text=f"{output}\n{ending}" if output else ending, data=data)


def _ending(result: ExecResult, seconds: float, most: float) -> str:
    """Say how the command ended, and what to do about a time-out."""
    if result.timed_out:
        longer = f"Ask for a longer timeout (up to {most:g} s), or do" if seconds < most else "Do"
        shown = "What it printed until then is above." if result.stdout else "It had printed nothing."
        return (
            f"[timed out after {seconds:g} s: the command and everything that it started was killed. {shown} {longer} less at once: "
            "fewer tests, a smaller input, or steps in calls of their own]"
        )
    code = result.exit_code
    if code is not None and code < 0:
        return f"[killed by signal {-code}, after {result.seconds:.1f} s; signal 9 usually means: out of memory]"
    silent = "" if result.stdout.strip() else ", no output"
    return f"[exit code {code}{silent}]"
