"""A tree of our own, in a git repository of our own, that patches are tried on.

Patches are applied to an index, never to files: nothing that a patch names can reach outside, no filter or line-end rule applies,
and what changed is read back from git instead of being believed.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from envs.archive import ATTRIBUTES, new_git_dir
from envs.diff_names import check_path, quoted
from envs.diffs import paths
from envs.disk import room_for
from envs.errors import PatchConflict, PatchRejected
from envs.git import Git
from envs.values import Patch
from sandbox.values import Value

MAX_CHANGED_BYTES = 256_000_000
"""Largest sum of contents, before and after, of one patch's files."""

LINK = 0o120000
"""Git's mode of a symbolic link."""

_BATCH_BYTES = 16_000_000
_NONE = "0" * 40
_CONFIG = {"core.compression": "1", "diff.renameLimit": "1000", "core.quotePath": "false"}


class FileChange(Value):
    """What a patch does to one file. Contents are bytes; a symbolic link's content is its target."""

    path: str
    """Relative to the top, with `/`; the new name of a file that was renamed."""
    before: bytes | None
    """None: the patch creates it."""
    after: bytes | None
    """None: the patch deletes it."""
    mode_before: int | None = 0o100644
    """As git has it: 0o100644, 0o100755 (executable) or 0o120000 (symbolic link). None when it is created."""
    mode_after: int | None = 0o100644
    """None when it is deleted."""
    renamed_from: str | None = None
    """The old name, when git finds the contents alike; `before` is the old file's."""

    @property
    def gone(self) -> tuple[str, ...]:
        """Names that no longer exist after the change."""
        old = () if self.renamed_from is None else (self.renamed_from,)
        return old if self.after is not None else (*old, self.path)


class Stored(NamedTuple):
    """A file in the tree."""

    mode: int
    blob: str


class BaseFile(NamedTuple):
    """A regular file in a tree."""

    path: str
    blob: str
    """Git's name of the content: equal for equal contents."""
    size: int
    """In bytes."""


class Tree:
    """A git repository without files: objects and an index, in a folder that is its own.

    Several threads may use one at once: every change is made on a copy of the index.
    """

    def __init__(self, folder: Path, git_dir: Path | None = None) -> None:
        """Use a git directory that has an index and a commit, or make an empty one in the folder."""
        self._folder = folder
        if git_dir is None:
            git_dir = folder / ".git"
            new_git_dir(git_dir)
        self._git_dir = git_dir
        self.git = Git(folder, git_dir=git_dir, config=_CONFIG)
        # A second way in to the same objects, for which every file is binary: attributes cannot be given to one command alone.
        twin = folder / "binary.git"
        new_git_dir(twin, attributes=ATTRIBUTES.replace("!diff", "-diff"))
        (twin / "objects/info/alternates").write_text(f"{quoted(str(git_dir.absolute() / 'objects'))}\n")
        self._binary = Git(folder, git_dir=twin, config=_CONFIG)

    def fill(self, files: Mapping[str, tuple[int, bytes]]) -> None:
        """Make these files (mode and content, by path) the whole tree."""
        lines = [f"{mode:o} {self.put(data)} 0\t{path}\0" for path, (mode, data) in files.items()]
        self.git.run("update-index", "-z", "--index-info", stdin="".join(lines).encode())

    def put(self, data: bytes) -> str:
        """Store content and return its name."""
        return self.git.run("hash-object", "-w", "--stdin", "--no-filters", stdin=data).decode().strip()

    def find(self, files: Iterable[str]) -> dict[str, Stored]:
        """Look files up; those that are not there are missing from the answer."""
        wanted = set(files)
        if not wanted:
            return {}
        listed = self.git.run("ls-files", "-z", "--stage", "--", *sorted(wanted)).split(b"\0")
        found = {}
        for about, name in (entry.split(b"\t", 1) for entry in listed if entry):
            path = name.decode("utf-8", "surrogateescape")
            mode, blob, _ = about.decode().split(" ")
            if path in wanted:  # a folder's name lists what is in it
                found[path] = Stored(int(mode, 8), blob)
        return found

    def contents(self, blobs: Iterable[str]) -> dict[str, bytes]:
        """Read contents by name.

        Raises:
            PatchRejected: together they are larger than `MAX_CHANGED_BYTES`.
        """
        names = "".join(f"{blob}\n" for blob in dict.fromkeys(blobs)).encode()
        sizes = self.git.run("cat-file", "--batch-check=%(objectsize)", stdin=names).split()
        if sum(map(int, sizes)) > MAX_CHANGED_BYTES:
            raise PatchRejected(f"The files that the patch touches hold more than {MAX_CHANGED_BYTES:,} bytes.")
        out = self.git.run("cat-file", "--batch", stdin=names)
        found: dict[str, bytes] = {}
        at = 0
        while at < len(out):
            end = out.index(b"\n", at)
            name, _, size = out[at:end].decode().split(" ")
            found[name] = out[end + 1 : end + 1 + int(size)]
            at = end + int(size) + 2
        return found

    def files(self) -> tuple[BaseFile, ...]:
        """List regular files, sorted by path. Names that are not UTF-8 or hold control characters are left out."""
        found = []
        for about, name in (e.split(b"\t", 1) for e in self.git.run("ls-files", "-z", "--stage").split(b"\0") if e):
            mode, blob, _ = about.decode().split(" ")
            path = name.decode("utf-8", "surrogateescape")
            if int(mode, 8) in (0o100644, 0o100755) and path.isprintable():
                found.append((path, blob))
        names = "".join(f"{blob}\n" for _, blob in found).encode()
        sizes = self.git.run("cat-file", "--batch-check=%(objectsize)", stdin=names).split() if found else []
        files = (BaseFile(path, blob, int(size)) for (path, blob), size in zip(found, sizes, strict=True))
        return tuple(sorted(files))

    def read_files(self, files: Iterable[BaseFile]) -> Iterator[tuple[BaseFile, bytes]]:
        """Read contents in the order given, a few megabytes at a time so that memory stays bounded."""
        batch: list[BaseFile] = []
        held = 0
        for file in files:
            if batch and held + file.size > _BATCH_BYTES:
                yield from self._batch(batch)
                batch, held = [], 0
            batch.append(file)
            held += file.size
        yield from self._batch(batch)

    def _batch(self, files: list[BaseFile]) -> Iterator[tuple[BaseFile, bytes]]:
        contents = self.contents(file.blob for file in files) if files else {}
        yield from ((file, contents[file.blob]) for file in files)

    def find_words(self, words: Sequence[str], suffix: str) -> Iterator[tuple[str, int, str]]:
        """Find whole words, as they stand: (path, line number from 1, line), by path. Binary files are left out.

        Args:
            words: any of them.
            suffix: of paths.
        """
        wanted = [part for word in words for part in ("-e", word)]
        found = self.git.ask("grep", "--cached", "-I", "-n", "-z", "-w", "-F", *wanted)
        for line in found.out.split(b"\n"):
            path, _, rest = line.partition(b"\0")
            number, _, text = rest.partition(b"\0")
            if number.isdigit() and path.endswith(suffix.encode()):
                yield path.decode("utf-8", "surrogateescape"), int(number), text.decode("utf-8", "replace")

    def apply(self, patch: Patch) -> tuple[FileChange, ...]:
        """Apply a patch to a copy of the tree and say what came of it. Context must match exactly; hunks may have moved.

        Raises:
            PatchConflict: the patch is sound, but was made for other content.
            PatchRejected: it is malformed, or makes something that no patch may.
        """
        if patch.is_empty:
            return ()
        named = paths(patch)
        if not named:
            raise PatchRejected("The patch holds no diff.", hint="It must be what `git diff` prints.")
        with self._changed() as index:
            before = self.git.run("write-tree", env=index).decode().strip()
            answer = self.git.ask("apply", "--cached", "-", stdin=patch.diff.encode(), env=index)
            if answer.status != 0:
                raise PatchConflict(
                    f"The patch does not apply: {answer.reason}.",
                    hint="It must have been made against the same base.",
                )
            raw = self.git.run("diff-index", "--cached", "--raw", "-z", "--no-abbrev", "-M", before, env=index)
        entries = list(_entries(raw))
        contents = self.contents(blob for _, _, *stored in entries for blob in (s.blob for s in stored if s) if blob)
        changes = tuple(_checked(path, old, before, after, contents) for path, old, before, after in entries)
        # Whoever asks `paths` what a patch touches must not be told less than git does.
        if hidden := {path for change in changes for path in (change.path, *change.gone)}.difference(named):
            raise PatchRejected(f"The patch is malformed: it also touches {min(hidden)!r}.")
        return changes

    def diff(self, files: Mapping[str, bytes | None]) -> str:
        """Say in git's words how the tree changes when these files get these contents (None: deleted).

        Modes stay; what is new is a plain file. Content that is not UTF-8, or holds a zero byte, is written as binary.
        """
        for path in files:
            check_path(path)
        present = self.find(files)
        touched = self.contents(stored.blob for stored in present.values())
        text: set[str] = set()
        for path, data in files.items():
            old = touched[present[path].blob] if path in present else b""
            if _is_text(old) and _is_text(data or b""):
                text.add(path)
        with self._changed() as index:
            before = self.git.run("write-tree", env=index).decode().strip()
            self._put_all(files, present, before, index)
            binary = set(files) - text
            return self._diff(self.git, before, text, index) + self._diff(self._binary, before, binary, index)

    def _put_all(
        self, files: Mapping[str, bytes | None], present: Mapping[str, Stored], before: str, index: Mapping[str, str]
    ) -> None:
        gone = [f"0 {_NONE}\t{path}\0" for path in present]
        executable = {path for path, stored in present.items() if stored.mode == 0o100755}
        made = [
            f"{'100755' if path in executable else '100644'} {self.put(data)} 0\t{path}\0"
            for path, data in files.items()
            if data is not None
        ]
        answer = self.git.ask("update-index", "-z", "--index-info", stdin="".join(gone + made).encode(), env=index)
        if answer.status != 0:
            raise PatchRejected(f"These files cannot be in one tree: {answer.reason}.")
        named = self.git.run("diff-index", "--cached", "--name-only", "-z", before, env=index).split(b"\0")
        lost = {name.decode("utf-8", "surrogateescape") for name in named if name} - files.keys()
        if lost:
            raise PatchRejected(f"{min(lost)!r} stands in the way of a file of the same name, or of one below it.")

    def _diff(self, git: Git, before: str, files: set[str], index: Mapping[str, str]) -> str:
        if not files:
            return ""
        how = ("--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/")
        return git.run(
            "diff-index", "-p", *how, *prefixes, "--cached", before, "--", *sorted(files), env=index
        ).decode()

    @contextmanager
    def _changed(self) -> Iterator[dict[str, str]]:
        """The variable that makes git work on a copy of the index."""
        with room_for("a scratch tree"), tempfile.TemporaryDirectory(dir=self._folder) as folder:
            index = Path(folder) / "index"
            if (self._git_dir / "index").exists():
                shutil.copyfile(self._git_dir / "index", index)
            yield {"GIT_INDEX_FILE": str(index)}


def _entries(raw: bytes) -> Iterator[tuple[str, str | None, Stored | None, Stored | None]]:
    """Path, old path of a rename, and what was stored before and after, from `diff-index --raw -z`."""
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for about in fields:
        if not about:
            continue
        mode_before, mode_after, blob_before, blob_after, kind = about.removeprefix(":").split(" ")
        path = next(fields)
        old = None
        if kind.startswith("R"):
            old, path = path, next(fields)
        before = Stored(int(mode_before, 8), blob_before) if int(mode_before, 8) else None
        after = Stored(int(mode_after, 8), blob_after) if int(mode_after, 8) else None
        yield path, old, before, after


def _checked(
    path: str, old: str | None, before: Stored | None, after: Stored | None, contents: Mapping[str, bytes]
) -> FileChange:
    check_path(path)
    if after and after.mode not in (0o100644, 0o100755, LINK):
        raise PatchRejected(f"The patch makes {path!r} something that is neither a file nor a symbolic link.")
    if after and after.mode == LINK:
        _check_link(path, contents[after.blob])
    return FileChange(
        path=path,
        before=contents[before.blob] if before else None,
        after=contents[after.blob] if after else None,
        mode_before=before.mode if before else None,
        mode_after=after.mode if after else None,
        renamed_from=old,
    )


def _check_link(path: str, target: bytes) -> None:
    """A link may climb to the top at most, and only at its start: behind a name, `..` depends on what the name links to."""
    parts = target.decode("utf-8", "surrogateescape").split("/")
    climbs = next((at for at, part in enumerate(parts) if part not in ("..", ".")), len(parts))
    inside = (
        not target.startswith(b"/") and ".." not in parts[climbs:] and parts[:climbs].count("..") <= path.count("/")
    )
    if not inside or any(part.lower() == ".git" for part in parts):
        raise PatchRejected(f"The patch makes {path!r} a symbolic link that points outside the work tree.")


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data
