import hashlib
import os
import socket
import stat
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from envs import archive
from envs.errors import RepositoryUnusable
from envs.snapshot import take_snapshot
from sandbox.errors import DiskFull


def unpacked(snapshot, tmp_path):
    """What any tar program makes of the archive."""
    target = tmp_path / f"unpacked-{time.monotonic_ns()}"
    target.mkdir()
    subprocess.run(["tar", "xf", snapshot.archive, "-C", target], check=True)
    return target


def names(snapshot):
    with tarfile.open(snapshot.archive, encoding="utf-8", errors="surrogateescape") as tar:
        members = [member for member in tar if not (member.name + "/").startswith(".git/")]
    return sorted(member.name for member in members if not member.isdir())


def git_in(folder, *words):
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", "-c", "safe.directory=*", *words], cwd=folder, env=env, check=True, capture_output=True
    ).stdout.decode()


def fingerprint(top):
    """Every byte, mode, owner and time below a folder, git's own files included."""
    seen = {}
    for path in [top, *sorted(top.rglob("*"))]:
        status = path.lstat()
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        seen[str(path)] = (
            status.st_mode,
            status.st_uid,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            hashlib.sha256(content).hexdigest(),
        )
    return seen


def test_tracked_changed_and_new_files_are_in_and_ignored_and_deleted_ones_are_out(repo, into, tmp_path):
    head = repo.commit({".gitignore": "*.log\n", "gone.txt": "x", "staged.txt": "1\n"})
    repo.write({"a.py": "x = 2\n", "new.txt": "new\n", "debug.log": "secret", "staged.txt": "2\n"})
    repo.git("add", "staged.txt")
    repo.write({"staged.txt": "3\n"})
    (repo.top / "gone.txt").unlink()
    snapshot = take_snapshot(repo.top / "pkg", into)
    tree = unpacked(snapshot, tmp_path)
    assert names(snapshot) == [".gitignore", "a.py", "new.txt", "pkg/b.py", "staged.txt"]
    assert (tree / "a.py").read_text() == "x = 2\n"
    assert (tree / "staged.txt").read_text() == "3\n"
    assert (snapshot.head_commit, snapshot.dirty, snapshot.files) == (head, True, 5)
    assert snapshot.origin == str(repo.top)
    assert list(into.iterdir()) == [into / "base.tar"]


def test_archive_has_one_commit_no_past_and_a_clean_tree(repo, into, tmp_path):
    repo.git("tag", "v1.0")
    repo.git("remote", "add", "origin", "https://example.org/o/r.git")
    repo.commit({"later.py": "pass\n"})
    snapshot = take_snapshot(repo.top, into)
    tree = unpacked(snapshot, tmp_path)
    assert git_in(tree, "rev-list", "--all").split() == [snapshot.base_commit]
    assert git_in(tree, "rev-parse", "HEAD").strip() == snapshot.base_commit
    assert git_in(tree, "status", "--porcelain") == ""
    assert git_in(tree, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]
    assert git_in(tree, "remote") == ""
    assert "dangling" not in git_in(tree, "fsck", "--full", "--no-progress")
    assert not (tree / ".git/logs").exists()
    assert not (tree / ".git/hooks").exists()


def test_equal_content_gives_an_equal_archive(make_repo, tmp_path):
    one, two = make_repo("one"), make_repo("two")
    two.git("commit", "-q", "--allow-empty", "-m", "another history")
    two.git("branch", "-m", "elsewhere")
    archives = []
    for repo in (one, two):
        folder = tmp_path / f"into-{repo.top.name}"
        folder.mkdir()
        snapshot = take_snapshot(repo.top, folder)
        archives.append((snapshot.base_commit, (folder / "base.tar").read_bytes()))
        assert not snapshot.dirty
    assert archives[0] == archives[1]


def test_users_repository_is_byte_for_byte_unchanged(make_repo, into):
    repo = make_repo(files={"a.py": "x = 1\n", "crlf.txt": "1\r\n2\r\n", ".gitattributes": "*.txt text\n", "gone": "1"})
    sub = make_repo("library", {"lib.py": "pass\n"})
    repo.git("submodule", "add", "-q", str(sub.top), "vendor/library")
    repo.commit()
    repo.write({"a.py": "x = 2\n", "untracked/file": "1", "vendor/library/lib.py": "changed\n"})
    (repo.top / "gone").unlink()
    repo.git("add", "-N", "untracked/file")
    os.utime(repo.top / "crlf.txt")  # its entry in the index is now stale, which `git status` would put right
    before = fingerprint(repo.top)
    take_snapshot(repo.top, into)
    assert fingerprint(repo.top) == before


def test_nothing_that_the_repository_configures_is_run(repo, into, tmp_path):
    proof = tmp_path / "ran"
    bad = tmp_path / "bad.sh"
    bad.write_text(f"#!/bin/sh\necho $0 >> {proof}\ncat\n")
    bad.chmod(0o755)
    repo.commit({".gitattributes": "* filter=bad diff=bad ident\n", "d.txt": "1\n"})
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "reference-transaction", "pre-auto-gc", "fsmonitor-watchman"):
        (hooks / hook).write_text(bad.read_text())
        (hooks / hook).chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.sshCommand",
        "diff.external",
        "core.pager",
        "core.editor",
        "gpg.program",
        "filter.bad.clean",
        "filter.bad.smudge",
        "filter.bad.process",
        "diff.bad.textconv",
        "diff.bad.command",
        "core.alternateRefsCommand",
    ):
        repo.git("config", key, str(bad))
    repo.git("config", "core.hooksPath", str(hooks))
    repo.git("config", "filter.bad.required", "true")
    repo.write({"d.txt": "2\n", "e.txt": "3\n"})
    os.utime(repo.top / "a.py")
    snapshot = take_snapshot(repo.top, into)
    assert not proof.exists()
    assert snapshot.dirty


def test_filter_that_cannot_be_switched_off_is_refused(repo, into):
    repo.git("config", "filter.a=b.c.clean", "true")
    with pytest.raises(RepositoryUnusable, match="cannot be switched off"):
        take_snapshot(repo.top, into)


def test_partial_shallow_and_sha256_repositories(repo, into, tmp_path):
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.commit({"a.py": "x = 2\n"})
    for how in ("--filter=blob:none", "--depth=1"):
        clone = type(repo)(tmp_path / how)
        repo.git("clone", "-q", how, f"file://{repo.top}", str(clone.top))
        clone.git("remote", "set-url", "origin", "file:///gone")
        clone.write({"a.py": "x = 3\n"})
        assert names(take_snapshot(clone.top, into)) == ["a.py", "pkg/b.py"]
    other = type(repo)(tmp_path / "sha256")
    other.top.mkdir()
    other.git("init", "-q", "--object-format=sha256")
    head = other.commit({"a.py": "x = 2\n"})
    snapshot = take_snapshot(other.top, into)
    assert (snapshot.head_commit, len(head), len(snapshot.base_commit)) == (head, 64, 40)


def test_environment_of_a_hook_does_not_redirect_git(repo, make_repo, into, monkeypatch):
    other = make_repo("other", {"other.txt": "1"})
    monkeypatch.setenv("GIT_DIR", str(other.top / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.top))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.top / ".git/index"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    assert names(take_snapshot(repo.top, into)) == ["a.py", "pkg/b.py"]


def test_bytes_are_those_on_disk_whatever_attributes_say(make_repo, into, tmp_path):
    files = {
        ".gitattributes": "*.txt text eol=crlf\n*.id ident\n*.lfs filter=lfs diff=lfs -text\n"
        "hidden export-ignore\nsub export-subst\n*.u working-tree-encoding=UTF-16\n*.csv -diff\n",
        "lf.txt": "1\n2\n",
        "mixed.txt": "1\r\n2\n",
        "rev.id": "$Id: 123 $\n",
        "big.lfs": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
        "hidden": "1",
        "sub": "$Format:%H$\n",
        "text.u": "é".encode("utf-16"),
        "t.csv": "1,2\n",
    }
    repo = make_repo(files=files)
    repo.write(files)
    snapshot = take_snapshot(repo.top, into)
    tree = unpacked(snapshot, tmp_path)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        assert (tree / name).read_bytes() == data
        assert subprocess.run(["git", "show", f"HEAD:{name}"], cwd=tree, check=True, capture_output=True).stdout == data
    assert git_in(tree, "status", "--porcelain") == ""


def test_names_that_are_not_utf8_and_other_odd_ones(repo, into, tmp_path):
    odd = [
        b"caf\xe9.txt",
        b'quote".txt',
        b"new\nline.txt",
        b"tab\t.txt",
        b"back\\slash.txt",
        b" lead and trail ",
        b"-dash",
        "ünïcode/日本".encode(),
        b"x" * 255,
    ]
    for name in odd:
        path = repo.top / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"content of " + name)
    snapshot = take_snapshot(repo.top, into)
    tree = unpacked(snapshot, tmp_path)
    for name in odd:
        assert (tree / os.fsdecode(name)).read_bytes() == b"content of " + name
    assert git_in(tree, "status", "--porcelain") == ""
    assert snapshot.files == len(odd) + 2


def test_links_modes_and_what_is_no_file(repo, into, tmp_path):
    repo.write({"run.sh": "#!/bin/sh\n", "real/file": "1"})
    (repo.top / "run.sh").chmod(0o755)
    for name, target in {
        "loop": "loop",
        "up": "../..",
        "gone": "nowhere",
        "abs": "/etc/passwd",
        "folder": "real",
        "odd": "./real//file/",
    }.items():
        (repo.top / name).symlink_to(target)
    os.mkfifo(repo.top / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(repo.top)
        server.bind("socket")
        os.chdir(here)
        snapshot = take_snapshot(repo.top, into)
    tree = unpacked(snapshot, tmp_path)
    assert {name: os.readlink(tree / name) for name in ("loop", "up", "gone", "abs", "folder", "odd")} == {  # noqa: PTH115 (exact bytes)
        "loop": "loop",
        "up": "../..",
        "gone": "nowhere",
        "abs": "/etc/passwd",
        "folder": "real",
        "odd": "./real//file/",
    }
    assert stat.S_IMODE((tree / "run.sh").stat().st_mode) & 0o111
    assert not stat.S_IMODE((tree / "a.py").stat().st_mode) & 0o111
    assert not os.path.lexists(tree / "pipe")
    assert not os.path.lexists(tree / "socket")


def test_folder_that_became_a_link_is_not_followed(repo, into, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.py").write_text("secret")
    (repo.top / "pkg/b.py").unlink()
    (repo.top / "pkg").rmdir()
    (repo.top / "pkg").symlink_to(outside)
    assert names(take_snapshot(repo.top, into)) == ["a.py", "pkg"]


def test_submodules_and_clones_inside_become_plain_files(repo, make_repo, into):
    inner = make_repo("inner", {"deep.py": "1\n"})
    library = make_repo("library", {"lib.py": "pass\n", ".gitignore": "build\n"})
    library.git("submodule", "add", "-q", str(inner.top), "inner")
    library.commit()
    repo.git("submodule", "add", "-q", str(library.top), "vendor/library")
    repo.git("submodule", "add", "-q", str(inner.top), "absent")
    repo.git("submodule", "update", "-q", "--init", "--recursive")
    repo.commit()
    repo.git("submodule", "deinit", "-q", "-f", "absent")
    clean = take_snapshot(repo.top, into)
    assert not clean.dirty
    repo.write({"vendor/library/build": "no", "vendor/library/new.py": "yes"})
    make_repo("repo/clone", {"c.py": "2\n"})
    make_repo("repo/unborn", {"u.py": "2\n"}, commit=False)
    snapshot = take_snapshot(repo.top, into)
    assert names(snapshot) == sorted([
        ".gitmodules", "a.py", "clone/c.py", "pkg/b.py", "unborn/u.py", "vendor/library/.gitignore", "vendor/library/.gitmodules",
        "vendor/library/inner/deep.py", "vendor/library/lib.py", "vendor/library/new.py",
    ])  # fmt: skip
    assert snapshot.dirty


def test_linked_work_tree_detached_head_and_no_commit_yet(repo, make_repo, into, tmp_path):
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    linked = take_snapshot(tmp_path / "linked", into)
    assert (names(linked), linked.origin, linked.dirty) == (["a.py", "pkg/b.py"], str(tmp_path / "linked"), False)
    unborn = make_repo("unborn", {"n.py": "1"}, commit=False)
    snapshot = take_snapshot(unborn.top, into)
    assert (names(snapshot), snapshot.head_commit, snapshot.dirty) == (["n.py"], None, True)
    empty = make_repo("empty", commit=False)
    snapshot = take_snapshot(empty.top, into)
    assert (snapshot.files, snapshot.dirty) == (0, False)


def test_sparse_checkout_gives_what_is_on_disk(repo, into):
    repo.commit({"other/c.py": "1\n"})
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "pkg")
    snapshot = take_snapshot(repo.top, into)
    assert names(snapshot) == ["a.py", "pkg/b.py"]
    assert not snapshot.dirty


def test_conflicts_and_intent_to_add(repo, into, tmp_path):
    repo.git("checkout", "-q", "-b", "side")
    repo.commit({"a.py": "x = 'side'\n"})
    repo.git("checkout", "-q", "main")
    repo.commit({"a.py": "x = 'main'\n"})
    repo.git("merge", "-q", "side", check=False)
    repo.write({"new.py": "1\n"})
    repo.git("add", "-N", "new.py")
    snapshot = take_snapshot(repo.top, into)
    assert names(snapshot) == ["a.py", "new.py", "pkg/b.py"]
    assert "<<<<<<<" in (unpacked(snapshot, tmp_path) / "a.py").read_text()


def test_users_own_ignores_are_honoured(repo, into, home):
    (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    (home / "mine").write_text(".env\n")
    (repo.top / ".git/info/exclude").write_text("scratch\n")
    repo.write({".env": "SECRET=1", "scratch": "1"})
    assert names(take_snapshot(repo.top, into)) == ["a.py", "pkg/b.py"]
    (home / ".gitconfig").unlink()
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/ignore").write_text(".env\n")
    assert names(take_snapshot(repo.top, into)) == ["a.py", "pkg/b.py"]


@pytest.mark.parametrize(
    ("tags", "version"),
    [
        ([], None),
        (["v1.2.3"], "1.2.3"),
        (["release-2.0rc1"], "2.0rc1"),
        (["nightly"], None),
        (["v1.0", "nightly"], "1.0"),
        (["foo-3-bar"], None),
    ],
)
def test_version_is_the_closest_tags(repo, into, tags, version):
    for tag in tags:
        repo.git("tag", tag)
        repo.commit({f"{tag}.txt": "1"})
    assert take_snapshot(repo.top, into).version == version


def test_file_that_cannot_be_read_is_named(unprivileged, into_for_anyone):
    repo = unprivileged
    (repo.top / "a.py").chmod(0)
    with pytest.raises(RepositoryUnusable, match=r"'a\.py' cannot be read: Permission denied") as caught:
        take_snapshot(repo.top, into_for_anyone)
    assert caught.value.hint
    (repo.top / "a.py").chmod(0o644)
    (repo.top / "data").mkdir(mode=0)
    with pytest.raises(RepositoryUnusable, match=r"data.*cannot be read"):
        take_snapshot(repo.top, into_for_anyone)
    (repo.top / "data").chmod(0o755)
    assert list(into_for_anyone.iterdir()) == []


def test_file_that_changes_while_it_is_read_is_named(repo, into):
    path = repo.top / "grow.txt"
    path.write_text("x" * 10)
    with (
        path.open("rb") as file,
        pytest.raises(RepositoryUnusable, match=r"'grow\.txt' cannot be read: it was changed"),
    ):
        archive._Tee(file, b"grow.txt", file).read(11)


def test_full_disk_is_said_and_leaves_nothing(repo, tiny_disk):
    repo.write({"big.bin": os.urandom(3_000_000)})
    with pytest.raises(DiskFull) as caught:
        take_snapshot(repo.top, tiny_disk)
    assert caught.value.hint
    assert list(tiny_disk.iterdir()) == []


@pytest.mark.slow
def test_fifty_thousand_files_take_seconds(repo, into):
    for number in range(50_000):
        folder = repo.top / f"d{number % 500}"
        if number < 500:
            folder.mkdir()
        (folder / f"f{number}.py").write_bytes(b"x = %d\n" % number)
    start = time.monotonic()
    snapshot = take_snapshot(repo.top, into)
    assert snapshot.files == 50_002
    assert time.monotonic() - start < 60  # 4 s on two idle cores; the rest is for busy machines
