"""Commits a patch on a new branch without touching the work tree, the index or HEAD."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from envs.diffs import paths
from envs.disk import room_for
from envs.errors import PatchConflict, Undeliverable
from envs.git import Git
from envs.repository import Checkout, open_checkout
from envs.trees import LINK, FileChange, Tree
from envs.values import Patch

_OTHER_WAYS = "Use --apply to change the checkout, or --patch-out to get the patch as a file."


def commit_on_branch(repository: Path, patch: Patch, branch: str, message: str) -> str:
    """Make a new branch at HEAD with one commit that holds the patch, and return the commit.

    The work tree, the index and HEAD stay as they are. No hook runs and nothing is signed. Author and committer are who the user's
    git configuration says, else Winnow.

    A branch that is there already and holds just this commit, as after a kill, is left as it is.

    Raises:
        Undeliverable: the branch exists otherwise or cannot be called so, nothing is committed yet, or the patch rests on uncommitted work.
        PatchRejected: the patch is malformed or leaves the work tree.
        RepositoryUnusable: no such repository.
        DiskFull: no room.
    """
    checkout = open_checkout(repository)
    git = checkout.git
    reference = _reference(git, branch)
    if made := _made_before(checkout, reference, patch, message):
        return made
    if git.ask("show-ref", "--verify", "--quiet", reference).status == 0:
        raise Undeliverable(f"The branch {branch!r} exists already.", hint="Choose another name, or delete it first.")
    head = git.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.status != 0:
        raise Undeliverable("Nothing is committed yet, so that a branch has nowhere to begin.", hint=_OTHER_WAYS)
    parent = head.out.decode().strip()
    tree = _tree(checkout, parent, patch)
    commit = (
        git.run(
            "commit-tree",
            tree,
            "-p",
            parent,
            "-F",
            "-",
            stdin=message.encode("utf-8", "replace"),
            env=_identity(checkout.user),
        )
        .decode()
        .strip()
    )
    # The empty old value: git refuses if somebody made the branch meanwhile.
    updated = git.ask("update-ref", "-m", "winnow: new branch", reference, commit, "", env=_identity(checkout.user))
    if updated.status != 0:
        raise Undeliverable(f"The branch {branch!r} cannot be made: {updated.reason}.", hint="Choose another name.")
    return commit


def _made_before(checkout: Checkout, reference: str, patch: Patch, message: str) -> str | None:
    """The commit that a branch points to, when an earlier call made it of the same patch and message; else None."""
    git = checkout.git
    found = git.ask("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    if found.status != 0:
        return None
    commit = found.out.decode().strip()
    _, _, said = git.run("cat-file", "commit", commit).decode("utf-8", "replace").partition("\n\n")
    parent = git.ask("rev-parse", "--verify", "--quiet", f"{commit}^1")
    if said.strip() != message.strip() or parent.status != 0:
        return None
    tree = git.run("rev-parse", "--verify", f"{commit}^{{tree}}").decode().strip()
    return commit if _tree(checkout, parent.out.decode().strip(), patch) == tree else None


def _tree(checkout: Checkout, parent: str, patch: Patch) -> str:
    """Store the tree of a commit with the patch applied, and return its name."""
    git = checkout.git
    with room_for("a scratch tree"), tempfile.TemporaryDirectory(prefix="winnow-branch-") as folder:
        lines = _staged(checkout, parent, patch, Path(folder))
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git.run("read-tree", parent, env=index)
        git.run("update-index", "-z", "--index-info", stdin="".join(lines).encode(), env=index)
        return git.run("write-tree", "--missing-ok", env=index).decode().strip()


def _reference(git: Git, branch: str) -> str:
    reference = f"refs/heads/{branch}"
    if branch.startswith("-") or branch == "HEAD" or git.ask("check-ref-format", reference).status != 0:
        raise Undeliverable(
            f"{branch!r} cannot be the name of a branch.", hint="Use letters, digits, `-`, `_`, `.` and `/`."
        )
    return reference


def _identity(user: Git) -> dict[str, str]:
    name, email = (
        user.ask("config", "--get", key).out.decode("utf-8", "replace").strip() for key in ("user.name", "user.email")
    )
    who = {"NAME": name or "Winnow", "EMAIL": email or "winnow@localhost"}
    return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}


def _staged(checkout: Checkout, parent: str, patch: Patch, folder: Path) -> list[str]:
    """Lines for `update-index --index-info` that make HEAD's tree into the patched one."""
    git = checkout.git
    touched = paths(patch)
    if not touched:
        return []
    _refuse_filtered(git, touched)
    committed = _committed(git, parent, touched)
    as_stored = {path: (mode, git.run("cat-file", "blob", blob)) for path, (mode, blob) in committed.items()}
    try:
        changes, on_disk = _apply(folder / "stored", as_stored, patch), False
    except PatchConflict as error:
        # The patch was made on files as they lie on disk: with CRLF, say, where git stores LF.
        checked_out = {
            path: (mode, git.run("cat-file", "--filters", f"--path={path}", blob)) if mode != LINK else as_stored[path]
            for path, (mode, blob) in committed.items()
        }
        try:
            changes, on_disk = _apply(folder / "disk", checked_out, patch), True
        except PatchConflict:
            raise Undeliverable(
                f"The patch rests on work that is not committed, so that it does not fit on HEAD. {error}",
                hint=f"Commit or stash that work and run again. Or: {_OTHER_WAYS[0].lower()}{_OTHER_WAYS[1:]}",
            ) from error
    lines = []
    for change in changes:
        lines += [f"0 {'0' * len(parent)}\t{path}\0" for path in change.gone]
        if change.after is None:
            continue
        converted = change.mode_after != LINK and (on_disk or change.path not in committed)
        how = f"--path={change.path}" if converted else "--no-filters"
        blob = git.run("hash-object", "-w", "--stdin", how, stdin=change.after).decode().strip()
        lines.append(f"{change.mode_after:o} {blob} 0\t{change.path}\0")
    return lines


def _apply(folder: Path, files: dict[str, tuple[int, bytes]], patch: Patch) -> tuple[FileChange, ...]:
    folder.mkdir()
    tree = Tree(folder)
    tree.fill(files)
    return tree.apply(patch)


def _committed(git: Git, parent: str, touched: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Mode and blob at HEAD of the files that are there."""
    found: dict[str, tuple[int, str]] = {}
    ancestors = {path[:at] for path in touched for at, char in enumerate(path) if char == "/"}
    for entry in git.run("ls-tree", "-z", parent, "--", *sorted({*touched, *ancestors})).split(b"\0"):
        if not entry:
            continue
        about, name = entry.decode("utf-8", "surrogateescape").split("\t", 1)
        mode, kind, blob = about.split(" ")
        if kind == "commit":
            raise Undeliverable(
                f"The patch touches the submodule {name!r}, which a branch here cannot hold.", hint=_OTHER_WAYS
            )
        # A blob above a touched path is a link or file that stands in its way, and git must see it.
        if kind == "blob":
            found[name] = (int(mode, 8), blob)
    return found


def _refuse_filtered(git: Git, touched: Sequence[str]) -> None:
    """Committed as it is, content that belongs through a filter would be stored unencrypted, or outside of LFS."""
    told = git.run("check-attr", "-z", "filter", "--", *touched).decode("utf-8", "replace").split("\0")
    for path, value in zip(told[0::3], told[2::3], strict=False):
        if value not in ("unspecified", "unset"):
            raise Undeliverable(
                f"{path} is stored through the filter {value!r}, which Winnow does not run.", hint=_OTHER_WAYS
            )
