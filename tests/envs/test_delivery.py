import os
import signal
import stat
import subprocess
import sys

import pytest

from envs.delivery import apply_to_work_tree, commit_on_branch, forget_patch, tidy_up, write_patch
from envs.errors import PatchRejected, RepositoryUnusable, Undeliverable
from envs.patches import BaseTree, clean, make_patch
from envs.snapshot import take_snapshot
from envs.values import Patch
from sandbox.errors import DiskFull


@pytest.fixture
def patch_for(into):
    """The patch that gives these contents to files of a repository as it lies on disk now."""

    def make(repo, files):
        with BaseTree(take_snapshot(repo.top, into)) as base:
            return make_patch(base, files)

    return make


def state(repo):
    """What must not move unless it is asked to: index, HEAD, branches, and the files of the work tree."""
    files = {str(p): (p.lstat().st_mode, os.readlink(p) if p.is_symlink() else p.read_bytes())  # noqa: PTH115 (exact bytes)
             for p in sorted(repo.top.rglob("*")) if ".git" not in p.parts and (p.is_symlink() or p.is_file())}  # fmt: skip
    index = (repo.top / ".git/index").read_bytes() if (repo.top / ".git/index").exists() else b""
    return files, index, repo.git("for-each-ref"), (repo.top / ".git/HEAD").read_text()


def refused(kind, action, *words):
    with pytest.raises(kind) as caught:
        action(*words)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


def renamed_and_linked(old, new, target):
    """A file renamed and made executable, and a new link `l`."""
    rename = f"diff --git a/{old} b/{new}\nold mode 100644\nnew mode 100755\nsimilarity index 100%\nrename from {old}\nrename to {new}\n"
    link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n"
    return Patch(diff=f"{rename}{link}+{target}\n\\ No newline at end of file\n")


KILLED = """
import os, signal, sys
from pathlib import Path
from envs.delivery import apply_to_work_tree
from envs.values import Patch

top, note, patch, left = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])

def hook(event, words):
    global left
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.symlink") and any(str(word).startswith(top + "/") for word in words):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
apply_to_work_tree(Path(top), Patch(diff=patch.read_text()), note=note)
"""
"""Dies just before its n-th operation on a file of the checkout."""


class TestApplyKilled:
    FILES = {"a.py": b"x = 2\n", "pkg/b.py": None, "new/deep.py": b"1\n", "run.sh": b"#!/bin/bash\n"}  # noqa: RUF012

    def kill(self, repo, patch, tmp_path, moment):
        """False when it was through before that moment."""
        (tmp_path / "patch").write_text(patch.diff)
        words = [sys.executable, "-c", KILLED, repo.top, tmp_path / "note", tmp_path / "patch", str(moment)]
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0

    def test_a_second_call_finishes_and_clears_away(self, make_repo, patch_for, tmp_path):
        moments = 0
        for moment in range(1, 100):
            repo = make_repo(f"repo{moment}")
            repo.commit({"run.sh": "#!/bin/sh\n", "kept.py": "k\n"})
            (repo.top / "run.sh").chmod(0o750)
            patch = patch_for(repo, self.FILES)
            killed = self.kill(repo, patch, tmp_path, moment)
            if killed and (tmp_path / "note").exists():
                assert apply_to_work_tree(repo.top, patch, note=tmp_path / "note") == tuple(sorted(self.FILES))
                moments += 1
            elif killed:
                assert (repo.top / "a.py").read_bytes() == b"x = 1\n"
                continue
            (tmp_path / "note").unlink()
            assert {name: (repo.top / name).read_bytes() for name in ("a.py", "new/deep.py", "run.sh", "kept.py")} == {
                "a.py": b"x = 2\n",
                "new/deep.py": b"1\n",
                "run.sh": b"#!/bin/bash\n",
                "kept.py": b"k\n",
            }
            assert not (repo.top / "pkg").exists()
            assert stat.S_IMODE((repo.top / "run.sh").stat().st_mode) == 0o750
            assert not list(repo.top.rglob(".*.winnow"))
            if not killed:
                break
        assert moments > 5

    def test_what_it_left_beside_files_is_cleared_away_alone(self, repo, patch_for, tmp_path):
        repo.write({".a.py.1234.winnow": "somebody else's"})
        patch = patch_for(repo, self.FILES)
        moment = next(
            n
            for n in range(1, 100)
            if self.kill(repo, patch, tmp_path, n) and len(list(repo.top.rglob(".*.winnow"))) > 1
        )
        assert moment
        left = {str(file) for file in repo.top.rglob(".*.winnow")} - {str(repo.top / ".a.py.1234.winnow")}
        assert set(tidy_up(tmp_path / "note")) == left
        assert [file.name for file in repo.top.rglob(".*.winnow")] == [".a.py.1234.winnow"]
        assert tidy_up(tmp_path / "note") == []
        apply_to_work_tree(repo.top, patch, note=tmp_path / "note")
        assert (repo.top / "a.py").read_text() == "x = 2\n"

    def test_what_the_user_changed_meanwhile_is_kept(self, repo, patch_for, tmp_path):
        patch = patch_for(repo, self.FILES)
        assert self.kill(repo, patch, tmp_path, 8)
        assert (tmp_path / "note").exists()
        (repo.top / "a.py").write_text("mine\n")
        said = refused(Undeliverable, lambda: apply_to_work_tree(repo.top, patch, note=tmp_path / "note"))
        assert "a.py is not as it was" in said
        assert (repo.top / "a.py").read_text() == "mine\n"


class TestApply:
    def test_every_kind_of_change_in_a_dirty_tree(self, repo, patch_for):
        repo.commit({"gone/only.txt": "1\n", "run.sh": "#!/bin/sh\n", "data.bin": b"\0\1", "kept.txt": "1\n"})
        (repo.top / "run.sh").chmod(0o750)
        repo.write({"a.py": "x = 1\ny = 'mine'\n", "kept.txt": "2\n"})
        repo.git("add", "kept.txt")
        repo.write({"kept.txt": "3\n", "untracked.txt": "new\n"})
        patch = patch_for(repo, {"a.py": b"x = 2\ny = 'mine'\n", "gone/only.txt": None, "run.sh": b"#!/bin/bash\n", "data.bin": b"\0\2",
                                 "new/deep.py": b"1\n", "untracked.txt": b"newer\n"})  # fmt: skip
        _, index, refs, head = state(repo)
        names = apply_to_work_tree(repo.top / "pkg", patch)
        assert names == ("a.py", "data.bin", "gone/only.txt", "new/deep.py", "run.sh", "untracked.txt")
        assert (repo.top / "a.py").read_text() == "x = 2\ny = 'mine'\n"
        assert (repo.top / "data.bin").read_bytes() == b"\0\2"
        assert not (repo.top / "gone").exists()
        assert stat.S_IMODE((repo.top / "run.sh").stat().st_mode) == 0o750
        assert (repo.top / "kept.txt").read_text() == "3\n"
        assert state(repo)[1:] == (index, refs, head)
        assert not list(repo.top.rglob("*.winnow"))

    def test_modes_renames_and_links(self, repo):
        assert apply_to_work_tree(repo.top, renamed_and_linked("a.py", "lib/c.py", "pkg/b.py")) == (
            "a.py",
            "l",
            "lib/c.py",
        )
        assert stat.S_IMODE((repo.top / "lib/c.py").stat().st_mode) & 0o111
        assert (repo.top / "l").readlink().name == "b.py"
        assert not (repo.top / "a.py").exists()

    def test_crlf_checkout(self, repo, patch_for, home):
        (home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n")
        repo.commit({"w.txt": "1\n2\n3\n"})
        repo.write({"w.txt": "1\r\n2\r\n3\r\n"})
        apply_to_work_tree(repo.top, patch_for(repo, {"w.txt": b"1\r\n2\r\n4\r\n"}))
        assert (repo.top / "w.txt").read_bytes() == b"1\r\n2\r\n4\r\n"

    def test_no_filter_runs(self, repo, patch_for, tmp_path):
        repo.commit({".gitattributes": "*.py filter=bad ident eol=crlf\n"})
        repo.git("config", "filter.bad.clean", f"touch {tmp_path}/ran; cat")
        repo.git("config", "filter.bad.smudge", f"touch {tmp_path}/ran; cat")
        apply_to_work_tree(repo.top, patch_for(repo, {"a.py": b"x = '$Id$'\n"}))
        assert (repo.top / "a.py").read_bytes() == b"x = '$Id$'\n"
        assert not (tmp_path / "ran").exists()

    def test_submodule_files_are_files(self, repo, make_repo, patch_for):
        library = make_repo("library")
        repo.git("submodule", "add", "-q", str(library.top), "lib")
        repo.commit()
        apply_to_work_tree(repo.top, patch_for(repo, {"lib/a.py": b"x = 5\n"}))
        assert (repo.top / "lib/a.py").read_text() == "x = 5\n"

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda top: (top / "a.py").write_text("x = 'changed'\n"),
            lambda top: (top / "a.py").unlink(),
            lambda top: (top / "new.py").write_text("mine"),
            lambda top: ((top / "a.py").unlink(), (top / "a.py").mkdir()),
            lambda top: (top / "deep").write_text("a file where a folder should be"),
            lambda top: (top / "deep").symlink_to("/tmp"),
            lambda top: ((top / "a.py").unlink(), (top / "a.py").symlink_to("pkg/b.py")),
            lambda top: ((top / "pkg").rename(top / "moved"), (top / "pkg").symlink_to("moved")),
        ],
    )
    def test_all_or_nothing_when_the_tree_has_changed(self, repo, patch_for, spoil):
        patch = patch_for(repo, {"a.py": b"x = 2\n", "new.py": b"1\n", "deep/new.py": b"1\n", "pkg/b.py": b"3\n"})
        spoil(repo.top)
        before = state(repo)
        refused(Undeliverable, apply_to_work_tree, repo.top, patch)
        assert state(repo) == before
        assert not list(repo.top.rglob("*.winnow"))

    def test_all_or_nothing_when_writing_fails(self, unprivileged, into_for_anyone):
        repo = unprivileged.write({"open/a.txt": "1\n", "shut/b.txt": "1\n", "shut/c.txt": "1\n"})
        with BaseTree(take_snapshot(repo.top, into_for_anyone), folder=into_for_anyone) as base:
            patch = make_patch(base, {"a.py": b"2\n", "fresh/n.txt": b"1\n", "open/a.txt": None, "shut/b.txt": b"2\n"})
            delete = make_patch(base, {"a.py": b"2\n", "fresh/n.txt": b"1\n", "open/a.txt": None, "shut/c.txt": None})
        (repo.top / "shut").chmod(0o555)
        before = state(repo)
        for one in (patch, delete):
            assert "cannot be written: Permission denied" in refused(Undeliverable, apply_to_work_tree, repo.top, one)
            assert state(repo) == before
            assert not (repo.top / "fresh").exists()
        (repo.top / "shut").chmod(0o755)

    def test_full_disk_changes_nothing(self, repo, tiny_disk, into):
        inside = type(repo)(tiny_disk)
        inside.git("init", "-q", "-b", "main")
        inside.commit({"a.txt": "1\n"})
        with BaseTree(take_snapshot(inside.top, into)) as base:
            patch = make_patch(base, {"a.txt": b"2\n", "b.txt": os.urandom(1_500_000)})
        before = state(inside)
        refused(DiskFull, apply_to_work_tree, inside.top, patch)
        assert state(inside) == before

    def test_bad_patches_and_places(self, repo, tmp_path):
        before = state(repo)
        escape = "--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n"
        with pytest.raises(PatchRejected, match="leaves the work tree"):
            apply_to_work_tree(repo.top, Patch(diff=escape))
        with pytest.raises(PatchRejected, match="malformed"):
            apply_to_work_tree(repo.top, Patch(diff="@@ -1 +1 @@\n-a\n+b\n"))
        with pytest.raises(RepositoryUnusable):
            apply_to_work_tree(tmp_path, Patch(diff=""))
        assert apply_to_work_tree(repo.top, Patch(diff="")) == ()
        assert state(repo) == before


class TestBranch:
    def test_one_commit_on_head_and_nothing_else_moves(self, repo, patch_for, home, tmp_path):
        (home / ".gitconfig").write_text(
            "[user]\n\tname = Grace\n\temail = grace@example.org\n[commit]\n\tgpgSign = true\n"
        )
        head = repo.commit({"b.txt": "".join(f"{n}\n" for n in range(30)), "gone.txt": "1\n", "run.sh": "1\n"})
        hooks = tmp_path / "hooks"
        hooks.mkdir()
        for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change"):
            (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
            (hooks / name).chmod(0o755)
        repo.git("config", "core.hooksPath", str(hooks))
        repo.write(
            {"b.txt": "mine\n" + "".join(f"{n}\n" for n in range(1, 30)), "other.txt": "mine\n", "a.py": "x = 'mine'\n"}
        )
        repo.git("-c", "core.hooksPath=/dev/null", "add", "other.txt")
        patch = patch_for(
            repo,
            {
                "b.txt": (repo.top / "b.txt").read_bytes().replace(b"28\n", b"twenty-eight\n"),
                "gone.txt": None,
                "new/n.py": b"1\n",
            },
        )
        before = state(repo)
        commit = commit_on_branch(repo.top, patch, "winnow/fix-7", "Fix it\n\nBecause.\n")
        after = state(repo)
        assert after[:2] + after[3:] == before[:2] + before[3:]
        assert not (tmp_path / "ran").exists()
        assert repo.git("rev-parse", "winnow/fix-7").decode().strip() == commit
        assert repo.git("rev-parse", f"{commit}^").decode().strip() == head
        assert (
            repo.git("log", "-1", "--format=%an %ae %cn|%B", commit).decode().strip()
            == "Grace grace@example.org Grace|Fix it\n\nBecause."
        )
        assert repo.git("diff", "--name-status", "--no-renames", head, commit).decode().split() == [
            "M",
            "b.txt",
            "D",
            "gone.txt",
            "A",
            "new/n.py",
        ]
        assert repo.git("show", f"{commit}:b.txt").decode() == "".join(f"{n}\n" for n in range(30)).replace(
            "28\n", "twenty-eight\n"
        )

    def test_a_branch_of_its_own_is_left_as_it_is(self, repo, patch_for):
        """As after a kill between the branch and the note of it."""
        patch = patch_for(repo, {"a.py": b"x = 2\n"})
        commit = commit_on_branch(repo.top, patch, "fix", "Say x\n\nRun 1")
        repo.commit({"other.py": "1\n"})
        assert commit_on_branch(repo.top, patch, "fix", "Say x\n\nRun 1") == commit
        refused(Undeliverable, commit_on_branch, repo.top, patch, "fix", "Say x\n\nRun 2")
        other = patch_for(repo, {"a.py": b"x = 3\n"})
        refused(Undeliverable, commit_on_branch, repo.top, other, "fix", "Say x\n\nRun 1")
        repo.git("branch", "-f", "fix", "HEAD")
        refused(Undeliverable, commit_on_branch, repo.top, patch, "fix", "Say x\n\nRun 1")

    def test_without_an_identity_winnow_signs(self, repo, patch_for):
        commit = commit_on_branch(repo.top, patch_for(repo, {"a.py": b"x = 2\n"}), "fix", "Fix")
        assert repo.git("log", "-1", "--format=%an", commit).decode().strip() == "Winnow"

    def test_detached_head_linked_work_tree_and_sparse_checkout(self, repo, patch_for, tmp_path):
        repo.commit({"other/c.py": "1\n"})
        repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
        linked = type(repo)(tmp_path / "linked")
        commit = commit_on_branch(linked.top, patch_for(linked, {"a.py": b"x = 2\n"}), "from-linked", "Fix")
        assert repo.git("show", f"{commit}:a.py") == b"x = 2\n"
        repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "pkg")
        before = state(repo)
        commit = commit_on_branch(repo.top, patch_for(repo, {"pkg/b.py": b"3\n"}), "sparse", "Fix")
        assert repo.git("ls-tree", "-r", "--name-only", commit).decode().split() == ["a.py", "other/c.py", "pkg/b.py"]
        assert state(repo)[:2] == before[:2]

    @pytest.mark.parametrize("setting", ["autocrlf", "attributes"])
    def test_crlf_on_disk_and_lf_in_the_repository(self, repo, patch_for, home, setting):
        if setting == "autocrlf":
            (home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n")
        else:
            repo.commit({".gitattributes": "*.txt text eol=crlf\n"})
        repo.commit({"w.txt": "1\n2\n3\n"})
        repo.write({"w.txt": "1\r\n2\r\n3\r\n"})
        commit = commit_on_branch(
            repo.top, patch_for(repo, {"w.txt": b"1\r\n2\r\n4\r\n", "n.txt": b"1\r\n"}), "fix", "Fix"
        )
        assert repo.git("show", f"{commit}:w.txt") == b"1\n2\n4\n"
        assert repo.git("show", f"{commit}:n.txt") == b"1\n"

    def test_crlf_stored_as_it_is_stays(self, repo, patch_for):
        repo.commit({"w.txt": "1\r\n2\r\n"})
        commit = commit_on_branch(repo.top, patch_for(repo, {"w.txt": b"1\r\n3\r\n"}), "fix", "Fix")
        assert repo.git("show", f"{commit}:w.txt") == b"1\r\n3\r\n"

    def test_modes_renames_and_links(self, repo):
        repo.commit({"run.sh": "1\n"})
        patch = renamed_and_linked("run.sh", "bin/run", "bin/run")
        commit = commit_on_branch(repo.top, patch, "fix", "Fix")
        listed = repo.git("ls-tree", "-r", commit).decode()
        assert "100755 blob" in listed
        assert "120000 blob" in listed
        assert "run.sh" not in listed

    @pytest.mark.parametrize("files", [{"a.py": b"x = 'theirs'\n"}, {"untracked.py": b"2\n"}])
    def test_patch_that_rests_on_uncommitted_work(self, repo, patch_for, files):
        repo.write({"a.py": "x = 'mine'\n", "untracked.py": "1\n"})
        patch = patch_for(repo, files)
        before = state(repo)
        assert "not committed" in refused(Undeliverable, commit_on_branch, repo.top, patch, "fix", "Fix")
        assert state(repo) == before

    def test_names(self, repo, patch_for):
        patch = patch_for(repo, {"a.py": b"x = 2\n"})
        repo.git("branch", "taken")
        assert "exists already" in refused(Undeliverable, commit_on_branch, repo.top, patch, "taken", "Fix")
        assert "cannot be made" in refused(Undeliverable, commit_on_branch, repo.top, patch, "taken/below", "Fix")
        for name in ("a b", "-x", "HEAD", "..", "x.lock", "", "@{-1}", "a~1", "/x", "x\n"):
            assert "cannot be the name" in refused(Undeliverable, commit_on_branch, repo.top, patch, name, "Fix")
        assert repo.git("branch", "--format=%(refname:short)").split() == [b"main", b"taken"]

    def test_no_commit_yet_submodules_and_filters(self, repo, make_repo, patch_for):
        unborn = make_repo("unborn", {"a.py": "1\n"}, commit=False)
        assert "Nothing is committed" in refused(
            Undeliverable, commit_on_branch, unborn.top, patch_for(unborn, {"a.py": b"2\n"}), "fix", "Fix"
        )
        library = make_repo("library")
        repo.git("submodule", "add", "-q", str(library.top), "lib")
        repo.commit({".gitattributes": "*.secret filter=crypt\n"})
        patch = patch_for(repo, {"lib/a.py": b"2\n"})
        assert "submodule 'lib'" in refused(Undeliverable, commit_on_branch, repo.top, patch, "fix", "Fix")
        patch = patch_for(repo, {"new.secret": b"2\n"})
        assert "filter 'crypt'" in refused(Undeliverable, commit_on_branch, repo.top, patch, "fix", "Fix")

    def test_sha256(self, repo, patch_for, tmp_path):
        other = type(repo)(tmp_path / "sha256")
        other.top.mkdir()
        other.git("init", "-q", "--object-format=sha256")
        other.commit({"a.py": "x = 2\n", "b.py": "1\n"})
        commit = commit_on_branch(other.top, patch_for(other, {"a.py": b"x = 3\n", "b.py": None}), "fix", "Fix")
        assert other.git("ls-tree", "--name-only", commit).split() == [b"a.py"]

    def test_split_index_leaves_no_part_behind(self, repo, patch_for):
        repo.git("config", "core.splitIndex", "true")
        repo.commit({"c.py": "1\n"})
        before = {path.name for path in (repo.top / ".git").iterdir()}
        commit_on_branch(repo.top, patch_for(repo, {"a.py": b"x = 2\n"}), "fix", "Fix")
        assert {path.name for path in (repo.top / ".git").iterdir()} == before


class TestWrite:
    PATCH = clean("--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 'é'\n")

    def test_whole_and_in_place(self, tmp_path):
        target = tmp_path / "out.diff"
        write_patch(target, self.PATCH)
        assert target.read_text() == self.PATCH.diff
        target.chmod(0o600)
        (tmp_path / "link").symlink_to(target)
        write_patch(tmp_path / "link", Patch(diff=""))
        assert (tmp_path / "link").is_symlink()
        assert target.read_text() == ""
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out.diff"]

    def test_what_a_killed_call_left_is_cleared_away(self, tmp_path):
        (tmp_path / ".p.diff.run1.winnow").write_text("half")
        (tmp_path / ".p.diff.run2.winnow").write_text("another's")
        assert forget_patch(tmp_path / "p.diff", "run1") == [str(tmp_path / ".p.diff.run1.winnow")]
        (tmp_path / ".p.diff.run1.winnow").write_text("half")
        write_patch(tmp_path / "p.diff", Patch(diff="whole\n"), mark="run1")
        assert sorted(path.name for path in tmp_path.iterdir()) == [".p.diff.run2.winnow", "p.diff"]

    def test_a_pipe_is_written_to(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        write_patch(tmp_path / "pipe", self.PATCH)
        assert os.read(reader, 10_000).decode() == self.PATCH.diff
        os.close(reader)

    def test_what_cannot_be_written(self, tmp_path, tiny_disk):
        assert "is a folder" in refused(Undeliverable, write_patch, tmp_path, self.PATCH)
        assert "No such file" in refused(Undeliverable, write_patch, tmp_path / "no/where", self.PATCH)
        target = tiny_disk / "out"
        target.write_text("old")
        refused(DiskFull, write_patch, target, Patch(diff="x" * 2_000_000))
        assert target.read_text() == "old"
        assert [path.name for path in tiny_disk.iterdir()] == ["out"]
