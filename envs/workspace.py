"""A tree at its base in an open sandbox: change it, see the change as a patch, take it back."""

import os
import re
import shlex
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from envs.errors import ImageBuildFailed, PatchRejected
from envs.values import Image, Patch, Snapshot
from sandbox.port import DEFAULT_OUTPUT_BYTES, Sandbox, SandboxProvider
from sandbox.values import ExecResult, SandboxSpec

GIT_SECONDS = 300.0
DIFF_BYTES = 64 << 20
SCRATCH = (
    "/.winnow/", "__pycache__/", "*.py[cod]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/", ".coverage",
    ".coverage.*", "*.egg-info/", ".eggs/", "*.orig", "*.rej", "nohup.out",
)  # fmt: skip
"""Never part of a patch when they are new, in the notation of gitignore. `.winnow` is for notes and probes."""

# The tree is untrusted: no hooks, helpers, filters or pagers of its making, and no configuration but what is said here.
GIT_ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_AUTHOR_NAME": "Winnow",
    "GIT_AUTHOR_EMAIL": "winnow@localhost",
    "GIT_COMMITTER_NAME": "Winnow",
    "GIT_COMMITTER_EMAIL": "winnow@localhost",
    "LC_ALL": "C",
}
GIT = (
    "git -c safe.directory=* -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.untrackedCache=false "
    "-c core.quotePath=true -c core.autocrlf=false -c core.safecrlf=false -c core.symlinks=true -c core.fileMode=true "
    "-c core.attributesFile=/dev/null -c core.excludesFile=/dev/null -c diff.renames=false -c advice.addEmbeddedRepo=false"
)
DIFF = (
    f"{GIT} diff --cached --binary --no-color --no-ext-diff --no-textconv --no-renames --full-index --ignore-submodules=all "
    "--src-prefix=a/ --dst-prefix=b/ -U3"
)
ADD = f"""
    {GIT} add -A 2>/dev/null || {{
        # A repository inside the tree that has no commit keeps git from adding anything.
        find . -mindepth 2 -name .git -prune | sed 's|^\\.||; s|\\.git$||' >> .git/info/exclude
        {GIT} add -A
    }}"""


@contextmanager
def open_workspace(
    provider: SandboxProvider,
    image: Image,
    snapshot: Snapshot,
    *,
    limits: SandboxSpec,
    run_id: str,
    scratch: Sequence[str] = (),
) -> "Iterator[Workspace]":
    """Open a sandbox with the tree in its work tree; leaving the context destroys both.

    Args:
        provider: where to open it.
        image: has the project's dependencies.
        snapshot: the tree.
        limits: its cpu, memory, disk, process, time and network limits are taken; the rest comes from the image.
        run_id: for the sandbox's labels.
        scratch: paths that are never part of a patch when they are new: what running the suite leaves in the tree, as
            `untracked` said on base.

    Raises:
        SandboxError: no machine, or it failed.
        ImageBuildFailed: the image has no git.
    """
    spec = limits.model_copy(
        update={
            "image": image.reference,
            "workdir": image.workdir,
            "env": {**limits.env, **image.env},
            "readonly": image.readonly,
            "run_id": run_id,
        }
    )
    with provider.open(spec) as box:
        yield Workspace(_rooted(box, image), image, snapshot, scratch)


class Workspace:
    """A tree at its base in an open sandbox.

    Patches are made with an index of our own outside the tree, so that what a command does to the tree's own (commits,
    staged files) changes nothing.
    """

    def __init__(self, box: Sandbox, image: Image, snapshot: Snapshot, scratch: Sequence[str] = ()) -> None:
        self.box = box
        self.snapshot = snapshot
        self._image = image
        self._scratch = tuple(scratch)
        box.unpack(Path(snapshot.archive))
        self._unpack_extras()
        # The index is not refreshed here: that reads every file, and many workspaces never make a patch.
        script = """
            git --version >&2 && mkdir -p .git/info && cat > .git/info/exclude && touch .git/info/attributes &&
            folder=$(mktemp -d) && cp .git/index .git/info/attributes "$folder" && printf %s "$folder"
        """
        result = self._git(script, stdin=b"".join(line + b"\n" for line in self._excluded()))
        if result.exit_code == 127:
            message = f"there is no git in {image.reference or 'the sandbox'}"
            raise ImageBuildFailed(message, hint="Install git there, or choose another image with --image.")
        if not result.ok:
            raise ImageBuildFailed(f"git does not work in the sandbox: {result.err.strip()}")
        self._folder = result.out

    def apply(self, patch: Patch) -> None:
        """Apply a patch to the tree as it is, whole or not at all.

        Raises:
            PatchRejected: it is malformed, leaves the tree or does not apply.
        """
        if patch.is_empty:
            return
        result = self._git(f"{GIT} apply --binary --whitespace=nowarn -", stdin=patch.diff.encode())
        if not result.ok:
            raise PatchRejected(f"the patch does not apply: {_first_error(result.err)}")

    def diff(self) -> Patch:
        """Return everything that differs from the base, with new files; ignored and scratch files are left out.

        Files whose old or new content is not UTF-8 are binary in it, so that it is always text.

        Raises:
            PatchRejected: the change is larger than 64 MiB, or the repository inside was damaged.
        """
        base = self.snapshot.base_commit
        index = f"export GIT_INDEX_FILE={self._folder}/index"
        raw = self._ok(f"{index}; {ADD} && {DIFF} {base}")
        text = _text(raw)
        if text is None:
            names = self._ok(f"{index}; {DIFF} --name-only -z {base}").split(b"\0")
            odd = [
                name for name in names if name and _text(self._ok(f"{index}; {DIFF} {base} -- {_quoted(name)}")) is None
            ]
            attributes = b"".join(_attribute(name) + b" -diff\n" for name in odd)
            # The one place for attributes that outranks the tree's own, and it is outside of the tree.
            script = f"""
                {index}; cat "{self._folder}/attributes" - > .git/info/attributes && {DIFF} {base}
                code=$?; cp "{self._folder}/attributes" .git/info/attributes; exit $code
            """
            text = _text(self._ok(script, stdin=attributes))
        if text is None:
            raise PatchRejected("the change cannot be written as text.")
        return Patch(diff=text)

    def untracked(self) -> tuple[str, ...]:
        """Return the files that are new, relative to the tree; ignored and scratch files are left out."""
        found = self._ok(f"{GIT} ls-files -o -z --exclude-standard").split(b"\0")
        return tuple(name for raw in found if raw and (name := _text(raw)) is not None)

    def reset(self) -> None:
        """Bring the tree back to its base, with what the installation left in it."""
        mounted = "".join(f" -e {shlex.quote(os.fsdecode(_glob(os.fsencode(path))))}" for path in self._mounted())
        script = f"""
            rm -f .git/index.lock .git/HEAD.lock && cp "{self._folder}/index" .git/index
            {GIT} reset -q --hard {self.snapshot.base_commit} && {GIT} clean -q -ffdx{mounted} && cp .git/index "{self._folder}/index"
        """
        self._ok(script)
        self._unpack_extras()

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        """Return a file's content; see `Sandbox.read`."""
        return self.box.read(path, max_bytes=max_bytes)

    def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Create or replace a file; see `Sandbox.write`."""
        self.box.write(path, data, mode=mode)

    def _unpack_extras(self) -> None:
        if self._image.extras:
            self.box.unpack(Path(self._image.extras))

    def _excluded(self) -> Sequence[bytes]:
        """Scratch files, and what the installation left, which may be nothing that the project ignores."""
        patterns = [pattern.encode() for pattern in SCRATCH]
        patterns += [_glob(os.fsencode(path)) for path in self._scratch]
        # The user's own environment may be mounted into the tree.
        patterns += [_glob(os.fsencode(path)) for path in self._mounted()]
        if self._image.extras:
            with tarfile.open(self._image.extras) as tar:
                patterns += [_glob(os.fsencode(member.name)) for member in tar if not member.isdir()]
        return patterns

    def _mounted(self) -> Sequence[str]:
        place = f"{self._image.workdir}/"
        return [path.removeprefix(place) for path in self._image.readonly if path.startswith(place)]

    def _ok(self, script: str, stdin: bytes = b"") -> bytes:
        result = self._git(script, stdin=stdin)
        if not result.ok:
            raise PatchRejected(f"git failed in the sandbox: {_first_error(result.err)}")
        if result.stdout_bytes > len(result.stdout):
            raise PatchRejected(f"the change is larger than {DIFF_BYTES >> 20} MiB.")
        return result.stdout

    def _git(self, script: str, stdin: bytes = b"") -> ExecResult:
        return self.box.exec(("sh", "-c", script), timeout=GIT_SECONDS, env=GIT_ENV, stdin=stdin, max_bytes=DIFF_BYTES)


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _quoted(name: bytes) -> str:
    return shlex.quote(os.fsdecode(name))


def _glob(name: bytes) -> bytes:
    """Return the pattern of gitignore and gitattributes that matches this path and no other."""
    return b"/" + re.sub(rb"([\\*?\[\] !#])", rb"\\\1", name)


def _attribute(name: bytes) -> bytes:
    """Return the pattern in the quotes of gitattributes, where white space would end it."""
    pattern = _glob(name).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + re.sub(rb"[\x00-\x1f\x7f]", lambda match: b"\\%03o" % match[0][0], pattern) + b'"'


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return next(
        (line for line in lines if line.startswith(("error:", "fatal:"))), lines[0] if lines else "no reason given"
    )


class _Rooted:
    """A sandbox whose work tree is not where the image wants it (on the host): variables that name the place follow."""

    def __init__(self, box: Sandbox, env: Mapping[str, str]) -> None:
        self._box = box
        self._env = env
        self.id, self.workdir = box.id, box.workdir
        self.read, self.write, self.unpack, self.kill = box.read, box.write, box.unpack, box.kill

    def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        max_bytes: int = DEFAULT_OUTPUT_BYTES,
        on_output: Callable[[bytes], None] | None = None,
    ) -> ExecResult:
        """See `Sandbox.exec`."""
        return self._box.exec(
            argv,
            timeout=timeout,
            cwd=cwd,
            env={**self._env, **(env or {})},
            stdin=stdin,
            max_bytes=max_bytes,
            on_output=on_output,
        )


def _rooted(box: Sandbox, image: Image) -> Sandbox:
    if box.workdir == image.workdir:
        return box
    moved = {
        name: value.replace(image.workdir, box.workdir) for name, value in image.env.items() if image.workdir in value
    }
    return _Rooted(box, moved) if moved else box
