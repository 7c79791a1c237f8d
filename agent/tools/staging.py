"""Files that several edits change in memory, and that are then written together or not at all."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from agent.tools.document import Document, NotText, new_document, read_document
from agent.tools.tree import SECONDS, Place, Tree
from sandbox.errors import DiskFull

LARGEST = 16 << 20
NEW_MODE = 0o644


class EditFailed(ValueError):
    """An edit cannot be done; the message is for the model."""


@dataclass
class StagedFile:
    """One file, before and after."""

    path: str
    """As it is shown."""
    real: str
    before: bytes | None
    """None: it was not there."""
    after: bytes | None
    """None: it will not be there."""
    mode: int = NEW_MODE
    origin: bytes | None = None
    """What was, before all edits, under the name that was renamed to this one."""
    document: Document | None = None
    """`after` decoded; None: not yet, or not there."""
    regions: list[tuple[int, int]] = field(default_factory=list)
    """What edits changed, as lines of `after`: (first, count), ascending."""

    def text(self) -> Document:
        """Return the content as it is by now.

        Raises:
            EditFailed: it is not text.
        """
        if self.document is None:
            try:
                self.document = read_document(self.after or b"")
            except NotText as error:
                raise EditFailed(f"{self.path} cannot be edited as text: {error}") from None
        return self.document

    def splice(self, changes: Sequence[tuple[int, int, str]]) -> None:
        """Replace stretches of the text; see `Document.splice`.

        Raises:
            EditFailed: nothing would change, or the new text cannot be written in the file's encoding.
        """
        document = self.text()
        text = document.text
        moved = 0
        for start, end, new in changes:
            first = text.count("\n", 0, start) + 1 + moved
            gone, come = text.count("\n", start, end), new.count("\n")
            moved += come - gone
            later = [(at + come - gone if at > first else at, count) for at, count in self.regions]
            self.regions = sorted([*later, (first, 0 if not new else come + (not new.endswith("\n")))])
        self._put(document.splice(changes))

    def replace(self, content: str) -> None:
        """Take the whole content; a file that was there keeps its line ends and encoding."""
        try:
            old = self.text() if self.after else new_document("")
        except EditFailed:
            old = new_document("")
        self.regions = []
        self._put(old.splice([(0, len(old.text), content)]) if self.after else new_document(content))

    def _put(self, document: Document) -> None:
        try:
            data = document.encode()
        except NotText as error:
            raise EditFailed(f"{self.path}: {error}") from None
        if data == self.after:
            raise EditFailed(f"this changes nothing in {self.path}: old and new content are the same")
        self.document, self.after = document, data


class Staging:
    """The files of one call."""

    def __init__(self, tree: Tree, paths: Sequence[str]) -> None:
        """Look up every path that the edits name.

        Raises:
            EditFailed: one of them is no path.
        """
        self._tree = tree
        self.files: dict[str, StagedFile] = {}
        """By real path, in the order in which they were first named."""
        try:
            self._places = dict(zip(paths, tree.look(paths), strict=True))
        except ValueError as error:
            raise EditFailed(str(error)) from None

    def file(self, path: str) -> StagedFile:
        """Return a file, which need not exist.

        Raises:
            EditFailed: it must not be changed, or is no file.
        """
        place = self._places[path]
        reason = self._tree.forbidden(place)
        if reason:
            raise EditFailed(reason.rstrip("."))
        if place.real in self.files:
            return self.files[place.real]
        if place.kind in {"folder", "other"}:
            raise EditFailed(f"{place.path} is {'a folder' if place.kind == 'folder' else 'no regular file'}")
        data = self._read(place) if place.kind == "file" else None
        staged = StagedFile(place.path, place.real, data, data, place.mode if data is not None else NEW_MODE)
        self.files[place.real] = staged
        return staged

    def existing(self, path: str, *, itself: bool = False) -> StagedFile:
        """Return a file that is there by now.

        Args:
            path: where.
            itself: the name is meant and not what it links to.

        Raises:
            EditFailed: as `file`; or it does not exist.
        """
        if itself and self._places[path].link:
            raise EditFailed(f"{self._places[path].path} is a symbolic link; use shell for it")
        staged = self.file(path)
        if staged.after is None:
            raise EditFailed(
                self._tree.missing(path).rstrip(".") if staged.before is None else f"{path} is deleted by now"
            )
        return staged

    def changed(self) -> list[StagedFile]:
        """Return the files that will differ, in the order in which they were named."""
        return [file for file in self.files.values() if file.before != file.after]

    def write(self) -> None:
        """Write all files; when one cannot be written, the others become what they were.

        Raises:
            EditFailed: a file cannot be written.
            SandboxError: the machine failed.
        """
        done: list[StagedFile] = []
        try:
            for file in self.changed():
                done.append(file)
                self._store(file.real, file.after, file.mode)
        except (OSError, DiskFull) as error:
            for file in reversed(done):
                with suppress(OSError, DiskFull):
                    self._store(file.real, file.before, file.mode)
            if isinstance(error, DiskFull):
                raise
            raise EditFailed(f"{done[-1].path} cannot be written: {error.strerror or error}") from None

    def _store(self, real: str, data: bytes | None, mode: int) -> None:
        if data is not None:
            self._tree.box.write(real, data, mode=mode)
            return
        result = self._tree.box.exec(("rm", "-f", "--", real), timeout=SECONDS)
        if not result.ok:
            raise OSError(result.err.strip())

    def _read(self, place: Place) -> bytes:
        try:
            return self._tree.box.read(place.real, max_bytes=LARGEST)
        except OSError as error:
            raise EditFailed(f"{place.path} cannot be read: {error.strerror or error}") from None
