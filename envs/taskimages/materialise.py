"""What a solver needs of a task: a folder with its repository at the base, and the image where its tests run."""

import shutil
import tarfile
import tempfile
from pathlib import Path

from envs.datasets.values import Record
from envs.disk import room_for
from envs.errors import RepositoryUnusable
from envs.git import Git
from envs.taskimages.find import Place, TaskImages, copy_out
from envs.taskimages.sources import Sources, check_out
from sandbox.port import SandboxProvider
from sandbox.values import Value

_WHO = {
    "GIT_AUTHOR_NAME": "Winnow",
    "GIT_AUTHOR_EMAIL": "winnow@localhost",
    "GIT_COMMITTER_NAME": "Winnow",
    "GIT_COMMITTER_EMAIL": "winnow@localhost",
}


class Bench(Value):
    """A task laid out for whoever solves it. Nothing of the hidden tests is in it, and no history after the base."""

    repository: str
    """Host folder: a git work tree whose only commit is the base."""
    place: Place
    """For `image.name` (`place.image`) and `image.python` (`place.python`)."""


def materialise(record: Record, images: TaskImages, sources: Sources, provider: SandboxProvider, folder: Path) -> Bench:
    """Lay a task out; what is there already is taken as it is.

    Args:
        record: of the task.
        images: finds or builds its image.
        sources: of its repository. Where they do not have it, it is copied out of the image.
        provider: of containers.
        folder: is made; a folder of this name from a killed process is replaced.

    Raises:
        ImageBuildFailed, RepositoryUnusable: the task cannot be had here.
        SandboxError, DiskFull: the machine.
    """
    place = images.find(record)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".bench-"))
        try:
            _repository(record, place, sources, provider, draft)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return Bench(repository=str(folder.absolute()), place=place)


def _repository(record: Record, place: Place, sources: Sources, provider: SandboxProvider, folder: Path) -> None:
    try:
        check_out(record, sources, folder)
    except RepositoryUnusable:
        if place.kind == "built":
            raise
    else:
        return
    with tempfile.TemporaryDirectory(prefix="winnow-tree-") as scratch, room_for("the repository"):
        archive = Path(scratch, "tree.tar")
        copy_out(place, provider, archive)
        shutil.rmtree(folder)
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="tar")
    # The image's history is not for solvers, and its last commit may hold what prepares the tests: the tree is the base.
    listed = Git(folder).run("-c", "safe.directory=*", "ls-files", "-z")
    shutil.rmtree(folder / ".git")
    git = Git(folder, git_dir=folder / ".git", work_tree=folder)
    git.run("init", "-q")
    git.run("add", "-f", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=listed)
    git.run("commit", "-q", "-m", "Base", env=_WHO)
