"""The tool `edit`: changes to files, all or none."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from agent.models.values import ToolSpec
from agent.tools.matching import Match, find, nearest
from agent.tools.staging import EditFailed, StagedFile, Staging
from agent.tools.syntax import SyntaxProblem, check_syntax
from agent.tools.text import clip, one_line, visible
from agent.tools.tree import Tree
from agent.tools.values import Observation, ToolLimits
from agent.tools.view import numbered, split_lines

CONTEXT = 3
"""Lines shown around a change."""
_LONGEST_REGION = 24
_MOST_REGIONS = 6
_VIEW_NUMBERS = re.compile(r"\s*\d+\t")
_DESCRIPTION = (
    "Change files of the repository. Edits are applied in order, all or none. op: replace (default) puts new in the place of "
    'old, which must occur exactly once (else give line, or all); lines match also when only white space differs; new="" '
    "deletes. insert puts new after line (0: top, -1: end). create makes a file with content new. delete; rename (to). "
    "Edits that break the syntax of Python, JSON or TOML are refused. The result is shown with line numbers."
)
_ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "op": {"type": "string", "enum": ["replace", "insert", "create", "delete", "rename"]},
        "path": {"type": "string"},
        "old": {"type": "string"},
        "new": {"type": "string"},
        "line": {"type": "integer", "description": "replace: the occurrence nearest to it; insert: after it"},
        "all": {"type": "boolean", "description": "replace every occurrence"},
        "to": {"type": "string"},
        "overwrite": {"type": "boolean", "description": "create, rename: the file may exist"},
    },
    "required": ["path"],
}
_NEEDS = {"replace": ("old", "new"), "insert": ("new", "line"), "create": ("new",), "delete": (), "rename": ("to",)}


class SyntaxBroken(EditFailed):
    """A file would no longer parse."""


class EditFiles:
    """Replaces, inserts, creates, deletes and renames."""

    def __init__(self, tree: Tree, python: str, limits: ToolLimits) -> None:
        self._tree, self._python, self._limit = tree, python, limits.observation_bytes
        self.spec = ToolSpec(
            name="edit",
            description=_DESCRIPTION,
            parameters={
                "type": "object",
                "properties": {
                    "edits": {"type": "array", "items": _ITEM},
                    "force": {"type": "boolean", "description": "keep edits that break the syntax"},
                },
                "required": ["edits"],
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `Tool.run`."""
        edits: Sequence[Mapping[str, Any]] = arguments["edits"]
        if not edits:
            return Observation(text="There are no edits in this call.", ok=False)
        force = arguments.get("force", False)
        try:
            try:
                text, changed = self._done(edits, force=force)
            except SyntaxBroken as error:
                # How lines are to be indented may have been open to two readings; the one that parses is meant.
                try:
                    text, changed = self._done(edits, force=force, other=True)
                except EditFailed:
                    raise error from None
        except EditFailed as error:
            return Observation(text=clip(f"{error}\nNothing was changed.", self._limit), ok=False)
        return Observation(text=clip(text, self._limit), data={"changed": changed})

    def _done(self, edits: Sequence[Mapping[str, Any]], *, force: bool, other: bool = False) -> tuple[str, list[str]]:
        """Do all edits and return what is to be said, and the paths that changed.

        Raises:
            EditFailed: nothing was changed; the message is whole sentences.
        """
        number, notes = 0, []
        try:
            staging = Staging(self._tree, [edit[name] for edit in edits for name in ("path", "to") if name in edit])
            for edit in edits:
                number += 1
                notes.append(_apply(staging, edit, other=other))
            number = 0
            warnings = self._checked(staging, force=force)
            staging.write()
        except SyntaxBroken:
            raise
        except EditFailed as error:
            which = f"Edit {number} of {len(edits)}: " if number and len(edits) > 1 else ""
            said = str(error)
            raise EditFailed(which + (said if said.endswith((".", "?", "\n")) else f"{said}.")) from None
        changed = staging.changed()
        shown = [part for file in changed for part in _regions(file)]
        counts = Counter(notes)
        told = [f"{note} ({count} edits)" if count > 1 else note for note, count in counts.items()]
        return "\n".join([*told, *warnings, *shown]), [file.path for file in changed]

    def _checked(self, staging: Staging, *, force: bool) -> list[str]:
        """Return warnings of files that do not parse, as they did not before, or as the model wants."""
        changed = {file.path: file for file in staging.changed() if file.after is not None}
        contents = {path: file.after for path, file in changed.items() if file.after is not None}
        problems = check_syntax(self._tree.box, self._python, contents)
        if not problems:
            return []
        olds = {
            path: changed[path].before if changed[path].origin is None else changed[path].origin for path in problems
        }
        before = {path: data for path, data in olds.items() if data is not None}
        old = {} if force else check_syntax(self._tree.box, self._python, before)
        for path, problem in problems.items():
            if not force and path not in old:
                raise SyntaxBroken(_broken(changed[path], problem))
        return [
            f"{path} does not parse{'' if force else ', as before'}: line {problem.line}: {problem.message}"
            for path, problem in problems.items()
        ]


def _apply(staging: Staging, edit: Mapping[str, Any], *, other: bool) -> str:
    """Do one edit in memory and return what is to be said of it; `other`: where two readings are possible, the second."""
    op, path = edit.get("op", "replace"), edit["path"]
    for name in _NEEDS[op]:
        if name not in edit:
            raise EditFailed(f"`{name}` is missing, which {op} needs")
    new = edit.get("new", "").replace("\r\n", "\n")
    if op == "replace":
        return _replace(staging.existing(path), edit, new, other=other)
    if op == "insert":
        return _insert(staging.existing(path), edit["line"], new)
    if op == "create":
        file = staging.file(path)
        if file.after is not None and not edit.get("overwrite"):
            count = file.after.count(b"\n")
            raise EditFailed(f"{file.path} exists already ({count} lines); use replace, or set overwrite")
        there = file.after is not None
        # Texts of several lines end in a line end; models that write them between tags leave the last one out.
        content = edit["new"] if "\n" not in new or new.endswith("\n") else edit["new"] + "\n"
        file.replace(content)
        return f"{'Overwrote' if there else 'Created'} {file.path} ({len(split_lines(new))} lines)"
    file = staging.existing(path, itself=True)
    if op == "rename":
        goal = staging.file(edit["to"])
        if goal is file:
            raise EditFailed(f"{file.path} has this name already")
        if goal.after is not None and not edit.get("overwrite"):
            raise EditFailed(f"{goal.path} exists already; set overwrite to replace it")
        goal.after, goal.document, goal.mode = file.after, file.document, file.mode
        goal.regions, file.regions = file.regions, []
        goal.origin = file.before if file.origin is None else file.origin
    file.after = file.document = None
    return f"Deleted {file.path}" if op == "delete" else f"Renamed {file.path} to {goal.path}"


def _replace(file: StagedFile, edit: Mapping[str, Any], new: str, *, other: bool) -> str:
    old = edit["old"].replace("\r\n", "\n")
    if not old:
        raise EditFailed("`old` is empty; use insert to add lines, or create for a new file")
    if old == new:
        raise EditFailed("`old` and `new` are the same, so this changes nothing")
    text = file.text().text
    found = find(text, old, new)
    if not found:
        raise EditFailed(_not_found(file, text, old, new))
    found = [match.other or match for match in found] if other else found
    if edit.get("all"):
        found = _apart(found)
    elif len(found) > 1:
        lines = [text.count("\n", 0, match.start) + 1 for match in found]
        if "line" not in edit:
            listed = ", ".join(map(str, lines[:20])) + (", …" if len(lines) > 20 else "")
            raise EditFailed(
                f"`old` occurs {len(found)} times in {file.path}, in lines {listed}. "
                "Take more lines into it, or say which with line, or set all"
            )
        found = [min(zip(lines, found, strict=True), key=lambda pair: abs(pair[0] - edit["line"]))[1]]
    file.splice([(match.start, match.end, match.new) for match in found])
    places = f" in {len(found)} places" if len(found) > 1 else ""
    shifted = " (white space differed from `old`; `new` was indented alike)" if found[0].shifted else ""
    return f"Changed {file.path}{places}{shifted}"


def _insert(file: StagedFile, line: int, new: str) -> str:
    if not new:
        raise EditFailed("`new` is empty, so there is nothing to insert")
    text = file.text().text
    count = len(split_lines(text))
    if line > count or line < -1:
        raise EditFailed(f"{file.path} has {count} lines; line must be from 0 to {count}, or -1 for the end")
    after = count if line == -1 else line
    at = 0
    for _ in range(after):
        at = text.find("\n", at) + 1 or len(text)
    if after and at == len(text) and not text.endswith("\n"):
        new = "\n" + new
    elif not new.endswith("\n"):  # also at the end of a file that ends in one
        new += "\n"
    file.splice([(at, at, new)])
    return f"Changed {file.path}"


def _apart(found: Sequence[Match]) -> list[Match]:
    """Leave out matches that overlap one before them."""
    kept: list[Match] = []
    for match in found:
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
    return kept


def _not_found(file: StagedFile, text: str, old: str, new: str) -> str:
    said = f"`old` was not found in {file.path}"
    lines = [line for line in old.split("\n") if line.strip()]
    if lines and all(_VIEW_NUMBERS.match(line) for line in lines):
        return f"{said}: leave out the line numbers that view shows"
    if len(new.strip()) > 10 and new in text:
        at = text.count("\n", 0, text.find(new)) + 1
        said += f", but `new` is there already, in line {at}"
    near = nearest(text, old)
    if near is None:
        return f"{said}, and nothing like it; view the file first"
    hint = "\n".join(visible(line, most=200) for line in near.differences[:60])
    return f"{said}. Most alike is line {near.line} and following (- yours, + the file's):\n{hint}\n"


def _broken(file: StagedFile, problem: SyntaxProblem) -> str:
    lines = split_lines(file.text().text) if file.after else []
    around = range(max(1, problem.line - CONTEXT), min(len(lines), problem.line + CONTEXT) + 1) if problem.line else ()
    shown = [("> " if at == problem.line else "  ") + numbered([lines[at - 1]], at)[0] for at in around]
    place = f"{file.path}:{problem.line}" if problem.line else file.path
    said = f"Refused: the result would not parse. {place}: {one_line(problem.message, 300)}"
    return "\n".join([said, *shown, "Mend the edit, or set force if this is wanted."])


def _regions(file: StagedFile) -> list[str]:
    """Return what changed, with its surroundings and line numbers."""
    if file.after is None or not file.regions:
        return []
    lines = split_lines(file.text().text)
    windows: list[list[int]] = []
    for first, count in sorted(set(file.regions)):
        window = [max(1, first - CONTEXT), min(len(lines), first + max(count, 1) - 1 + CONTEXT)]
        if windows and window[0] <= windows[-1][1] + 1:
            windows[-1][1] = max(window[1], windows[-1][1])
        else:
            windows.append(window)
    parts = [_window(lines, start, end) for start, end in windows[:_MOST_REGIONS]]
    left = windows[_MOST_REGIONS:]
    more = [f"… and at lines {', '.join(str(start + CONTEXT) for start, _ in left[:50])}"] if left else []
    return [f"{file.path}:", "\n…\n".join(filter(None, parts)), *more]


def _window(lines: Sequence[str], start: int, end: int) -> str:
    shown = numbered(lines[start - 1 : end], start)
    if len(shown) > _LONGEST_REGION:
        half = _LONGEST_REGION // 2
        shown = [*shown[:half], f"… {len(shown) - 2 * half} lines as you wrote them …", *shown[-half:]]
    return "\n".join(shown)
