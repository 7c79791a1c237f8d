"""Writes files of the user's so that each is whole, and a set of them all or not at all."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from envs.disk import room_for
from envs.errors import Undeliverable
from envs.trees import LINK, FileChange

_CHANGED = "The checkout has changed since the run began."


def read_file(top: Path, path: str) -> tuple[int, bytes] | None:
    """Return git's mode and the content, without any conversion; None when there is nothing. A symbolic link's content is its target.

    Raises:
        Undeliverable: it lies behind a symbolic link, is no plain file, or cannot be read.
    """
    place = top
    for part in path.split("/")[:-1]:
        place /= part
        if place.is_symlink():
            raise Undeliverable(f"{path} lies behind the symbolic link {place}.", hint=_CHANGED)
    file = top / path
    try:
        mode = file.lstat().st_mode
        if stat.S_ISLNK(mode):
            return LINK, os.fsencode(os.readlink(file))  # noqa: PTH115 (a Path would tidy the target up)
        if not stat.S_ISREG(mode):
            raise Undeliverable(f"{path} is not a file any more.", hint=_CHANGED)
        return 0o100755 if mode & stat.S_IXUSR else 0o100644, file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Undeliverable(f"{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error


def install(top: Path, changes: Sequence[FileChange], mark: str) -> None:
    """Make these changes to a work tree. Until every new file is written beside its place, nothing is changed.

    What a killed call with the same mark left is cleared away, and what it did is not done again.

    Args:
        top: of the work tree.
        changes: what to do; each file must be as it was before, or as it is to be.
        mark: part of the names of temporary files.

    Raises:
        Undeliverable: a file is neither, or something cannot be written; everything is as it was.
        DiskFull: no room; everything is as it was.
    """
    states = _states(changes)
    kept = {path: read_file(top, path) for path in states}
    for path, known in states.items():
        if kept[path] not in known:
            raise Undeliverable(f"{path} is not as it was.", hint=_CHANGED)
    wanted = {change.path: change for change in changes if change.after is not None}
    gone = [path for path in states if path not in wanted and kept[path] is not None]
    made = {path: change for path, change in wanted.items() if kept[path] != (change.mode_after, change.after)}
    folders: list[Path] = []
    fresh: dict[str, Path] = {}
    try:
        with writing(f"the checkout {top}"):
            for path, change in made.items():
                folders += _make_folders(top, path)
                fresh[path] = leftover(top / path, mark)
                fresh[path].unlink(missing_ok=True)
                _write(fresh[path], change, _permissions(top / (change.renamed_from or path)))
            _take_place(top, gone, fresh, kept, mark)
    except BaseException:
        for file in fresh.values():
            file.unlink(missing_ok=True)
        for folder in reversed(folders):
            folder.rmdir()
        raise
    for path in states.keys() - wanted.keys():
        _remove_empty(top, path)


def _states(changes: Sequence[FileChange]) -> dict[str, list[tuple[int | None, bytes] | None]]:
    """What may be found at each path that changes: what was there, nothing, or what is to be there."""
    states: dict[str, list[tuple[int | None, bytes] | None]] = {}
    for change in changes:
        old, new = change.renamed_from or change.path, change.path
        states.setdefault(old, []).append(None if change.before is None else (change.mode_before, change.before))
        states.setdefault(new, []).append(None if change.after is None else (change.mode_after, change.after))
        if old != new:
            states[old].append(None)
            states[new].append(None)
    return states


def replace_file(file: Path, data: bytes, mark: str) -> None:
    """Replace or make a file at once; permissions stay. What a killed call with the same mark left is cleared away."""
    fresh = leftover(file, mark)
    fresh.unlink(missing_ok=True)
    permissions = _permissions(file)
    try:
        _write_data(fresh, data, permissions, executable=bool((permissions or 0) & stat.S_IXUSR))
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Say in a sentence what could not be written, and why.

    Raises:
        DiskFull: no room.
        Undeliverable: any other reason.
    """
    try:
        with room_for(what):
            yield
    except OSError as error:
        hint = "Check that its folder exists, and the permissions."
        raise Undeliverable(f"{what[0].upper()}{what[1:]} cannot be written: {error.strerror}.", hint=hint) from error


def _take_place(
    top: Path, gone: Sequence[str], fresh: Mapping[str, Path], kept: Mapping[str, tuple[int, bytes] | None], mark: str
) -> None:
    done: list[str] = []
    try:
        for path in gone:
            (top / path).unlink()
            done.append(path)
        for path, file in fresh.items():
            file.replace(top / path)
            done.append(path)
    except BaseException:
        for path in done:
            if (old := kept[path]) is None:
                (top / path).unlink(missing_ok=True)
            else:
                mode, data = old
                change = FileChange(path=path, before=None, after=data, mode_after=mode)
                back = leftover(top / path, mark)
                back.unlink(missing_ok=True)
                _write(back, change, None)
                back.replace(top / path)
        raise


def _write(file: Path, change: FileChange, permissions: int | None) -> None:
    assert change.after is not None
    if change.mode_after == LINK:
        file.symlink_to(os.fsdecode(change.after))
    else:
        _write_data(file, change.after, permissions, executable=change.mode_after == 0o100755)


def _write_data(file: Path, data: bytes, permissions: int | None, *, executable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(file, flags, 0o777 if executable else 0o666), "wb") as out:
        out.write(data)
        if permissions is not None:
            if bool(permissions & stat.S_IXUSR) != executable:
                permissions = permissions | (permissions & 0o444) >> 2 if executable else permissions & ~0o111
            os.fchmod(out.fileno(), permissions)


def _permissions(file: Path) -> int | None:
    """None when there is no plain file to take them from."""
    try:
        mode = file.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) else None


def leftover(file: Path, mark: str) -> Path:
    """The temporary file that stands beside a file while that is written, and stays there after a kill."""
    return file.with_name(f".{file.name[:80]}.{mark}.winnow")


def _make_folders(top: Path, path: str) -> list[Path]:
    """Make what is missing above a file, and say what was made, outermost first."""
    above = [parent for parent in (top / path).parents if parent.is_relative_to(top)]
    missing = [parent for parent in above if not parent.exists()][::-1]
    blocked = next((parent for parent in above if parent.exists() and not parent.is_dir()), None)
    if blocked is not None:
        raise Undeliverable(f"{blocked} is not a folder, so {path} cannot be made.", hint=_CHANGED)
    for folder in missing:
        folder.mkdir()
    return missing


def _remove_empty(top: Path, path: str) -> None:
    """As git does: folders that held nothing else go with the file."""
    for folder in (top / path).parents:
        if folder == top or not folder.exists() or any(folder.iterdir()):
            return
        folder.rmdir()
