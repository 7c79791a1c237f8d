"""Changes in a sandbox come out as patches that apply to the base, whatever was done meanwhile."""

import tarfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from envs.errors import ImageBuildFailed, PatchRejected
from envs.values import Image, Patch, Snapshot
from envs.workspace import Workspace, open_workspace
from sandbox.host import HostProvider
from sandbox.values import SandboxSpec

Make = Callable[[Mapping[str, bytes]], Snapshot]
FILES = {
    "a.py": b"one\ntwo\n",
    "b/c.txt": b"x\n",
    "latin.txt": "caf\xe9\n".encode("latin-1"),
    ".gitignore": b"*.log\nbuild/\n",
}


Opened = Callable[..., AbstractContextManager[Workspace]]


def sh(workspace: Workspace, script: str) -> str:
    result = workspace.box.exec(("sh", "-ec", script), timeout=60)
    assert result.ok, result.err
    return result.out


def test_a_change_goes_out_and_in_again(opened: Opened, make: Make, image: Image) -> None:
    snapshot = make(FILES)
    with opened(image, snapshot) as workspace:
        assert workspace.diff().is_empty
        workspace.write("a.py", b"one\n2\r\n")
        workspace.write("new file.py", "caf\xe9\n".encode())
        workspace.write("latin.txt", "caf\xe9s\n".encode("latin-1"))
        workspace.write('odd "*[x] !#\\ \t.txt', b"\xff\xfe\n")
        workspace.write("picture.png", bytes(range(256)))
        workspace.write("run.sh", b"#!/bin/sh\n", mode=0o755)
        sh(workspace, "rm b/c.txt; ln -s a.py link; printf y > \"$(printf 'n\\377')\"; mkdir e; touch e/empty")
        patch = workspace.diff()
        assert workspace.diff() == patch
        state = sh(workspace, "git add -A; git write-tree")
        workspace.reset()
        assert workspace.diff().is_empty
        workspace.apply(patch)
        assert workspace.diff() == patch
    with opened(image, snapshot) as workspace:
        workspace.apply(patch)
        assert sh(workspace, "git add -A; git write-tree") == state
        assert workspace.read("latin.txt") == "caf\xe9s\n".encode("latin-1")
    assert "+2\r\n" in patch.diff
    assert "+caf\xe9\n" in patch.diff
    assert "GIT binary patch" in patch.diff


def test_scratch_and_ignored_files_stay_out(opened: Opened, make: Make, image: Image) -> None:
    with opened(image, make(FILES)) as workspace:
        for path in (
            ".winnow/notes",
            "x.log",
            "build/x",
            "__pycache__/a.pyc",
            "sub/__pycache__/a.pyc",
            ".pytest_cache/x",
            "a.py.orig",
        ):
            workspace.write(path, b"x")
        assert workspace.diff().is_empty


def test_what_commands_do_to_the_repository_changes_nothing(opened: Opened, make: Make, image: Image) -> None:
    with opened(image, make(FILES)) as workspace:
        workspace.write("a.py", b"changed\n")
        before = workspace.diff()
        sh(
            workspace,
            """
            git update-index --assume-unchanged a.py; git rm -q --cached b/c.txt
            git config diff.noprefix true; git config diff.external /bin/false; git config core.fsmonitor /bin/false
            git config diff.context 0; git config core.pager false; git config diff.renames copies
            mkdir -p .git/hooks; printf '#!/bin/sh\nexit 1\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
            git commit -qn --allow-empty -m mine; git checkout -q -b other
            """,
        )
        assert workspace.diff() == before
        workspace.reset()
        assert workspace.read("a.py") == FILES["a.py"]
        assert workspace.diff().is_empty
        workspace.write("a.py", b"changed\n")
        assert workspace.diff() == before


def test_a_repository_inside_the_tree_is_left_out(opened: Opened, make: Make, image: Image) -> None:
    with opened(image, make(FILES)) as workspace:
        sh(
            workspace,
            "git init -q empty; git init -q full; cd full; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x; touch y",
        )
        workspace.write("a.py", b"changed\n")
        assert "a.py" in workspace.diff().diff
        assert "full" not in workspace.diff().diff


@pytest.mark.parametrize(
    "diff",
    [
        "nonsense",
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-other\n+1\n two\n",
        "--- /dev/null\n+++ b/../out.py\n@@ -0,0 +1 @@\n+x\n",
        "--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+x\n",
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/tmp\n\\ No newline at end of file\n"
        "diff --git a/l/x b/l/x\nnew file mode 100644\n--- /dev/null\n+++ b/l/x\n@@ -0,0 +1 @@\n+x\n",
    ],
)
def test_bad_patches_change_nothing(opened: Opened, make: Make, image: Image, diff: str) -> None:
    with opened(image, make(FILES)) as workspace:
        with pytest.raises(PatchRejected, match="does not apply"):
            workspace.apply(Patch(diff=diff))
        assert workspace.diff().is_empty


def test_what_the_installation_left_is_there_and_no_part_of_the_change(
    opened: Opened, make: Make, image: Image, tmp_path: Path
) -> None:
    (tmp_path / "left [1].so").write_bytes(b"compiled")
    with tarfile.open(tmp_path / "extras.tar", "w") as tar:
        tar.add(tmp_path / "left [1].so", "pkg/left [1].so")
    with opened(image.model_copy(update={"extras": str(tmp_path / "extras.tar")}), make(FILES)) as workspace:
        assert workspace.diff().is_empty
        workspace.write("pkg/left 1.so", b"another")
        assert "pkg/left 1.so" in workspace.diff().diff
        sh(workspace, "rm -r pkg")
        workspace.reset()
        assert workspace.read("pkg/left [1].so") == b"compiled"


def test_what_a_run_left_on_base_can_be_set_aside(opened: Opened, make: Make, image: Image) -> None:
    snapshot = make(FILES)
    with opened(image, snapshot) as workspace:
        workspace.write("out/report [1].html", b"x")
        workspace.write("x.log", b"x")
        left = workspace.untracked()
    assert left == ("out/report [1].html",)
    with opened(image, snapshot, scratch=left) as workspace:
        workspace.write("out/report [1].html", b"x")
        assert workspace.diff().is_empty


def test_variables_follow_the_tree(make: Make, host_image: Image) -> None:
    moved = host_image.model_copy(update={"env": {"PYTHONPATH": f"{host_image.workdir}/src", "OTHER": "x"}})
    with open_workspace(HostProvider(), moved, make(FILES), limits=SandboxSpec(), run_id="t") as workspace:
        assert sh(workspace, "echo $PYTHONPATH $OTHER").split() == [f"{workspace.box.workdir}/src", "x"]


def test_an_image_without_git_is_named(make: Make, host_image: Image, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "cat", "mkdir", "mktemp", "cp"):
        (tools / tool).symlink_to(f"/bin/{tool}")
    provider = HostProvider(path=str(tools))
    opening = open_workspace(provider, host_image, make(FILES), limits=SandboxSpec(), run_id="t")
    with pytest.raises(ImageBuildFailed, match="no git"), opening:
        pass
