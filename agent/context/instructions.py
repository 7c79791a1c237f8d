"""The files in which a repository says how it wants to be worked on."""

import re
from collections.abc import Sequence

from agent.context.values import Bounds, Instruction
from envs.trees import BaseFile, Tree

_FOR_AGENTS = re.compile(
    r"agents\.md|claude\.md|gemini\.md|\.cursorrules|\.windsurfrules|\.github/copilot-instructions\.md"
    r"|\.cursor/rules/[^/]+\.mdc?|\.openhands/microagents/repo\.md",
    re.IGNORECASE,
)
_FOR_PEOPLE = re.compile(
    r"((\.github|docs?)/)?contributing(\.(md|rst|txt|adoc))?|docs?/(\w+/)?contributing\.(md|rst|txt|adoc)",
    re.IGNORECASE,
)
_NESTED = "AGENTS.md"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MAX_READ = 1_000_000  # bytes


def read_instructions(
    tree: Tree, files: Sequence[BaseFile], ranked: Sequence[str], bounds: Bounds
) -> tuple[Instruction, ...]:
    """Read them: those for agents, then those of the folders of ranked files, then those for people.

    A file whose content was already read under another name is left out; control characters are, too. What is clipped says so.

    Args:
        tree: the base.
        files: all of it.
        ranked: files that matter, most relevant first.
        bounds: how much may be kept.
    """
    folders = dict.fromkeys(folder for path in ranked for folder in _above(path))
    nested = {f"{folder}/{_NESTED}": None for folder in folders if folder}
    by_path = {file.path: file for file in files}
    chosen = [
        *(file for file in files if _FOR_AGENTS.fullmatch(file.path)),
        *(by_path[path] for path in nested if path in by_path),
        *(file for file in files if _FOR_PEOPLE.fullmatch(file.path)),
    ]
    found: list[Instruction] = []
    seen: set[str] = set()
    left = bounds.instructions_bytes
    for file, content in tree.read_files(file for file in chosen if file.size <= _MAX_READ):
        if file.blob in seen or b"\0" in content or left <= 0:
            continue
        seen.add(file.blob)
        text = _clipped(content, min(bounds.instruction_bytes, left))
        left -= len(text.encode())
        if text:
            found.append(Instruction(path=file.path, text=text))
    return tuple(found)


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _clipped(content: bytes, limit: int) -> str:
    text = _CONTROL.sub("", content.decode("utf-8", "replace").replace("\r\n", "\n")).strip()
    raw = text.encode()
    if len(raw) <= limit:
        return text
    kept = raw[:limit].decode("utf-8", "ignore")
    return f"{kept}\n[{len(raw) - len(kept.encode()):,} more bytes of this file are left out here]"
