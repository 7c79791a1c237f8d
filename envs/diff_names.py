"""Names of files in diffs: how they are spelled, and which none may have."""

import re

from envs.errors import PatchRejected

_PREFIXES = {
    ("a/", "b/"),
    ("b/", "a/"),
    ("i/", "w/"),
    ("c/", "i/"),
    ("c/", "w/"),
    ("o/", "w/"),
    ("w/", "i/"),
    ("w/", "c/"),
    ("i/", "c/"),
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"'}


def check_path(path: str) -> None:
    """Refuse a name that leaves the work tree, reaches git's own files, or cannot be written down.

    Raises:
        PatchRejected: says which.
    """
    parts = path.split("/")
    if path.startswith("/"):
        why = "is absolute"
    elif ".." in parts:
        why = "leaves the work tree"
    elif any(part.lower().rstrip(". ") == ".git" or part.lower().startswith("git~") for part in parts):
        why = "is one of git's own files"
    elif "" in parts or "." in parts:
        why = "is not a plain path"
    elif "\0" in path or not is_unicode(path):
        why = "is not valid UTF-8"
    else:
        return
    raise PatchRejected(f"The patch touches {path!r}, which {why}.")


def without_prefixes(old: str, new: str) -> tuple[str, str] | None:
    """Names without their prefixes; None when they may be meant in more than one way."""
    if (old[:2], new[:2]) == ("a/", "b/"):
        return old[2:], new[2:]
    if old == new:
        return old, new
    if (old[:2], new[:2]) in _PREFIXES and old[2:] == new[2:]:
        return old[2:], new[2:]
    return None


def minus_plus(old: str | None, new: str | None) -> tuple[str, str]:
    """Spell the two lines above a file's hunks; None is a file that is not there."""

    def line(mark: str, prefix: str, path: str | None) -> str:
        if path is None:
            return f"{mark} /dev/null"
        tab = "\t" if " " in path and not quoted(prefix + path).startswith('"') else ""
        return f"{mark} {quoted(prefix + path)}{tab}"

    return line("---", "a/", old), line("+++", "b/", new)


def quoted(path: str) -> str:
    """Spell a path as git does: in quotes when it holds quotes, backslashes or control characters."""
    if not re.search(r'[\x00-\x1f\x7f"\\]', path):
        return path
    back = {value: key for key, value in _ESCAPES.items()}
    plain = (f"\\{back[c]}" if c in back else f"\\{ord(c):03o}" if c < " " or c == "\x7f" else c for c in path)
    return '"' + "".join(plain) + '"'


def unquoted(name: str) -> str:
    """Undo `quoted`; bytes that are not UTF-8 come back as lone surrogates, which `check_path` refuses.

    Raises:
        PatchRejected: control characters stand there as they are, or a quote is not closed; git would read something else.
    """
    if not re.fullmatch(r'"(?:[^"\\]|\\.)*"', name):
        if re.search(r'^"|[\x00-\x1f]', name):
            raise PatchRejected(f"The patch is malformed: the name {name!r} is not spelled as git does.")
        return name
    out = bytearray()
    for match in re.finditer(r"\\([0-7]{3})|\\(.)|([^\\]+)", name[1:-1]):
        octal, letter, plain = match.groups()
        if octal:
            out.append(int(octal, 8) & 0xFF)
        else:
            out += (_ESCAPES.get(letter, letter) if letter else plain).encode("utf-8", "surrogateescape")
    return out.decode("utf-8", "surrogateescape")


def is_unicode(text: str) -> bool:
    """False when a text holds lone surrogates, and so has no UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
