from pathlib import Path

import pytest

from envs.errors import RepositoryUnusable
from envs.repository import find_repository


def refused(start):
    with pytest.raises(RepositoryUnusable) as caught:
        find_repository(start)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_found_from_anywhere_inside(repo, make_repo, tmp_path):
    assert find_repository(repo.top) == repo.top
    assert find_repository(repo.top / "pkg") == repo.top
    assert find_repository(repo.top / "pkg/b.py") == repo.top
    (tmp_path / "link").symlink_to(repo.top)
    assert find_repository(tmp_path / "link/pkg") == repo.top
    spaced = make_repo("with space\nand line")
    assert find_repository(spaced.top) == spaced.top


def test_work_trees_and_submodules_are_repositories(repo, make_repo, tmp_path):
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    assert find_repository(tmp_path / "linked/pkg") == tmp_path / "linked"
    library = make_repo("library")
    repo.git("submodule", "add", "-q", str(library.top), "lib")
    assert find_repository(repo.top / "lib/pkg") == repo.top / "lib"


def test_what_is_no_repository(tmp_path):
    assert "is not in a git repository" in refused(tmp_path)
    assert "does not exist" in refused(tmp_path / "nowhere")


def test_bare_and_inside_git(repo, tmp_path):
    repo.git("clone", "-q", "--bare", str(repo.top), str(tmp_path / "bare.git"))
    assert "bare repository" in refused(tmp_path / "bare.git")
    assert "inside a .git folder" in refused(repo.top / ".git/objects")


def test_work_tree_whose_repository_is_gone(repo, tmp_path):
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    repo.top.rename(tmp_path / "moved")
    assert "refers to a repository that is gone" in refused(tmp_path / "linked")


def test_work_tree_elsewhere_is_refused(repo, home):
    """A repository from a stranger could call the user's home its work tree, and have it copied."""
    repo.git("config", "core.worktree", str(home))
    assert "set to be elsewhere" in refused(repo.top)


def test_repository_of_somebody_else(unprivileged, home):
    import os

    if os.geteuid() != 65534:
        pytest.skip("only root can give files away")
    os.seteuid(0)
    os.chown(unprivileged.top, 12345, 12345)
    os.chown(unprivileged.top / ".git", 12345, 12345)
    os.seteuid(65534)
    assert "somebody else owns it" in refused(unprivileged.top)


def test_folder_that_may_not_be_read(unprivileged):
    inside = unprivileged.top / "closed/inner"
    inside.mkdir(parents=True)
    inside.parent.chmod(0)
    assert "cannot be read" in refused(inside)
    inside.parent.chmod(0o755)


def test_no_git_at_all(repo, monkeypatch, tmp_path):
    find_repository(repo.top)  # GitPython has found git once; now it goes
    (tmp_path / "env").symlink_to(Path("/usr/bin/env"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git cannot be run here" in refused(repo.top)
