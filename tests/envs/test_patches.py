import base64
import os
import random
import threading
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.diffs import MAX_BYTES
from envs.errors import PatchConflict, PatchRejected, RepositoryUnusable
from envs.patches import BaseTree, clean, is_test_path, make_patch, only_tests, paths
from envs.snapshot import take_snapshot
from envs.trees import FileChange
from envs.values import Patch
from sandbox.errors import DiskFull

FILES = {
    "a.py": "one\ntwo\nthree\nfour\nfive\nsix\n",
    "pkg/b.py": "def f():\n    return 2\n",
    "crlf.txt": "1\r\n2\r\n3\r\n",
    "latin.txt": "caf\xe9\n".encode("latin-1"),
    "data.bin": bytes(range(256)),
    "no newline.txt": "last",
    "empty": "",
    "i/w.py": "x\n",
}


@pytest.fixture
def base(make_repo, into):
    repo = make_repo(files=FILES)
    repo.write({"run.sh": "#!/bin/sh\n"})
    (repo.top / "run.sh").chmod(0o755)
    (repo.top / "link").symlink_to("pkg")
    (repo.top / "outside").symlink_to("/tmp")
    (repo.top / os.fsdecode(b"caf\xe9")).write_text("odd")
    with BaseTree(take_snapshot(repo.top, into), folder=into) as base:
        yield base
    assert [path.name for path in into.iterdir()] == ["base.tar"]


def rejected(base, diff):
    with pytest.raises(PatchRejected) as caught:
        base.apply(Patch(diff=diff))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit(path, old="two", new="TWO"):
    return f"--- a/{path}\n+++ b/{path}\n@@ -1,3 +1,3 @@\n one\n-{old}\n+{new}\n three\n"


def created(path, content="x", mode="100644"):
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1 @@\n+{content}\n\\ No newline at end of file\n"
    )


def test_read(base):
    assert base.read("a.py") == FILES["a.py"].encode()
    assert base.read("data.bin") == FILES["data.bin"]
    for name in ("missing", "pkg", "link", "link/b.py", "../a.py", "/etc/passwd", "", ".git/config", "*.py"):
        assert base.read(name) is None


def test_what_is_made_applies_and_says_the_same(base):
    wanted = {
        "a.py": b"one\ntwo\n3\nfour\nfive\nsix\n",
        "crlf.txt": b"1\r\n2\r\n4\r\n",
        "latin.txt": "caf\xe8\n".encode("latin-1"),
        "data.bin": bytes(range(255, -1, -1)),
        "no newline.txt": b"still last",
        "empty": b"no more",
        "pkg/b.py": None,
        "new/deep/na\xefve file.py": "\xe9\n".encode(),
        'quo"te\\.py': b"1\n",
        "tab\there": b"1\n",
        "zero.txt": b"a" * 9000 + b"\0",
        "latin.bin": b"\xff",
        "new empty": b"",
        "run.sh": b"#!/bin/bash\n",
    }
    patch = make_patch(base, wanted)
    assert clean(patch.diff) == patch
    assert paths(patch) == tuple(sorted(wanted))
    changes = {change.path: change for change in base.apply(patch)}
    assert {path: change.after for path, change in changes.items()} == wanted
    assert {path: change.before for path, change in changes.items()} == {path: base.read(path) for path in wanted}
    assert (changes["run.sh"].mode_before, changes["run.sh"].mode_after) == (0o100755, 0o100755)
    assert (changes["new empty"].mode_before, changes["pkg/b.py"].mode_after) == (None, None)
    assert make_patch(base, {path: base.read(path) for path in wanted}).is_empty
    assert base.apply(Patch(diff="")) == ()


CONTENT = st.one_of(
    st.text(st.sampled_from("ab\n\r\t -+@\\\x0c\u2028é\x00"), max_size=60).map(str.encode),
    st.binary(max_size=40),
    st.none(),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["a.py", "crlf.txt", "data.bin", "n1", "n 2", "pkg/b.py", "é", 'q"']), CONTENT, min_size=1
    )
)
def test_any_contents_survive_making_cleaning_and_applying(base, files):
    patch = make_patch(base, files)
    assert clean(patch.diff) == patch
    assert clean(patch.diff.rstrip("\n")).diff.rstrip() == patch.diff.rstrip()
    changes = {change.path: change.after for change in base.apply(patch)}
    assert changes == {path: data for path, data in files.items() if data != base.read(path)}


def test_modes_renames_and_links(base):
    rename = "diff --git a/a.py b/c.py\nsimilarity index 90%\nrename from a.py\nrename to c.py\n"
    rename += "--- a/a.py\n+++ b/c.py\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
    (change,) = base.apply(Patch(diff=rename))
    assert (change.path, change.renamed_from, change.gone) == ("c.py", "a.py", ("a.py",))
    assert change.after == b"one\n2\nthree\nfour\nfive\nsix\n"
    spelled_out = make_patch(base, {"a.py": None, "c.py": change.after})
    assert base.apply(spelled_out) == (change,)
    (change,) = base.apply(Patch(diff="diff --git a/a.py b/a.py\nold mode 100644\nnew mode 100755\n"))
    assert (change.mode_before, change.mode_after, change.before) == (0o100644, 0o100755, change.after)
    (change,) = base.apply(Patch(diff=created("pkg/l", "../a.py", "120000")))
    assert (change.mode_after, change.after) == (0o120000, b"../a.py")
    to_file = make_patch(base, {"link": b"now a file\n"})
    assert [(c.path, c.after, c.mode_after) for c in base.apply(to_file)] == [("link", b"now a file\n", 0o100644)]


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        (edit("../a.py"), "leaves the work tree"),
        (edit("pkg/../../a.py"), "leaves the work tree"),
        ("--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", "absolute"),
        (created("/etc/cron.d/x"), "absolute|not a plain path"),
        (edit(".git/config"), "git's own"),
        (created(".git/hooks/post-checkout"), "git's own"),
        (created("pkg/.GIT/config"), "git's own"),
        (created("pkg/.git"), "git's own"),
        (created("git~1/config"), "git's own"),
        (created(".git /config"), "git's own"),
        (created(".g\u200cit/config"), "does not apply"),
        (created("link/new.py"), "does not apply"),
        (created("outside/new.py"), "does not apply"),
        (created("l", "/etc/passwd", "120000"), "points outside"),
        (created("l", "../x", "120000"), "points outside"),
        (created("pkg/l", "../../x", "120000"), "points outside"),
        (created("l", "pkg/../..", "120000"), "points outside"),
        (created("l", ".git/hooks", "120000"), "points outside"),
        (created("sub", "Subproject commit " + "1" * 40, "160000"), "submodule"),
        (created("dev", mode="060644"), "mode 060644"),
        (created("folder", mode="040000"), "mode 040000"),
        ("diff --git a/a.py b/a.py\nold mode 100644\nnew mode 104755\n", "mode 104755"),
        (created('"caf\\351"').replace("b/", "b/"), "UTF-8|malformed"),
        ('--- "a/caf\\351"\n+++ "b/caf\\351"\n@@ -1 +1 @@\n-a\n+b\n', "UTF-8"),
        ('--- "a/x\\000y"\n+++ "b/x\\000y"\n@@ -1 +1 @@\n-a\n+b\n', "UTF-8"),
        ("--- \ud800\n+++ \ud800\n@@ -1 +1 @@\n-a\n+b\n", "UTF-8"),
        (edit("a.py", new="\udc80"), "UTF-8"),
        (edit("missing.py"), "does not apply"),
        (edit("a.py", old="zwei"), "does not apply"),
        (created("a.py"), "does not apply"),
        (created("a.py/x"), "does not apply"),
        ("--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n one\n-two\n", "ends early|malformed"),
        ("--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n+3\n", "malformed"),
        ("--- a/a.py\n+++ b/a.py\n@@ what @@\n one\n", "no diff|malformed"),
        ("@@ -1 +1 @@\n-one\n+1\n", "malformed"),
        ("diff --git a/data.bin b/data.bin\nindex 1..2 100644\nBinary files a/data.bin and b/data.bin differ\n", "content is missing"),
        ("diff --git a/a.py b/a.py\n", "without a change"),
        ("not a patch at all\n", "no diff"),
        ("diff --git a/x b/x\nGIT binary patch\nliteral 99999999999\nHcmV?d00001\n\n", "more than"),
        ("diff --git a/x b/x\nGIT binary patch\ndelta 12\n!!!!\n\n", "malformed"),
        ("+" * (MAX_BYTES + 1), "larger than"),
    ],
)  # fmt: skip
def test_refused(base, diff, why):
    assert any(part in rejected(base, diff) for part in why.split("|"))


def test_delta_that_unpacks_to_gigabytes(base):
    delta = zlib.compress(b"\x80\x02" + b"\x80\x80\x80\x80\x10" + b"\xff" * 5)
    line = chr(ord("A") + len(delta) - 1) + base64.b85encode(delta, pad=True).decode()
    assert "more than" in rejected(
        base, f"diff --git a/data.bin b/data.bin\nindex 1..2 100644\nGIT binary patch\ndelta 12\n{line}\n\n"
    )


def test_hunks_may_have_moved_but_context_must_match(base):
    moved = "--- a/a.py\n+++ b/a.py\n@@ -3,3 +3,3 @@\n one\n-two\n+2\n three\n"
    assert base.apply(Patch(diff=moved))[0].after.startswith(b"one\n2\n")
    with pytest.raises(PatchConflict):
        base.apply(Patch(diff=moved.replace(" one", " eins")))
    with pytest.raises(PatchConflict):
        base.apply(Patch(diff="--- a/crlf.txt\n+++ b/crlf.txt\n@@ -1,2 +1,2 @@\n 1\n-2\n+4\n"))


GOOD = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.rstrip("\n"),
        GOOD.replace("\n", "\r\n"),
        f"Here is the fix:\n\n```diff\n{GOOD}```\nI hope that\n- this helps\n- it does\n",
        GOOD.replace("a/a.py", "a.py").replace("b/a.py", "a.py"),
        GOOD.replace("a/a.py", "i/a.py").replace("b/a.py", "w/a.py"),
        GOOD.partition("\n")[2],
        "--- a.py\t2024-01-01 00:00:00\n+++ a.py\t2024-01-02 00:00:00\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n",
        "From 123 Mon Sep 17\nSubject: [PATCH] two\n\n---\n a.py | 2 +-\n\n" + GOOD + "-- \n2.39.5\n\n",
        GOOD.replace("@@\n", "@@ def f():\n", 1),
        "Index: a.py\n=====\n" + GOOD.partition("\n")[2],
    ],
)
def test_cleaned(base, text):
    patch = clean(text)
    assert [(change.path, change.after) for change in base.apply(patch)] == [
        ("a.py", FILES["a.py"].encode().replace(b"two", b"2"))
    ]
    assert clean(patch.diff) == patch


def test_cleaned_without_prefixes_in_folders_called_like_prefixes(base):
    patch = clean("diff --git i/w.py i/w.py\n--- i/w.py\n+++ i/w.py\n@@ -1 +1 @@\n-x\n+y\n")
    assert paths(patch) == ("i/w.py",)
    assert base.apply(patch)[0].after == b"y\n"
    assert paths(clean("--- /dev/null\n+++ new.py\n@@ -0,0 +1 @@\n+x\n")) == ("new.py",)
    assert paths(
        clean("diff --git new.py new.py\nnew file mode 100644\n--- /dev/null\n+++ new.py\n@@ -0,0 +1 @@\n+x\n")
    ) == ("new.py",)
    assert paths(clean("diff --git gone.py gone.py\ndeleted file mode 100644\n")) == ("gone.py",)


def test_blank_context_that_was_trimmed_away(base):
    patch = make_patch(base, {"n": b"1\n2\n\n"})
    assert clean(patch.diff.strip()).diff.strip() == patch.diff.strip()
    trimmed = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n-a\n+b\n\n"
    assert clean(trimmed.rstrip("\n")).diff == "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n-a\n+b\n \n \n"


@pytest.mark.parametrize(
    "text",
    ["nothing here", GOOD.replace("b/a.py", "b/c.py"), "--- a.py.orig\n+++ a.py\n@@ -1 +1 @@\n-a\n+b\n", GOOD + "+one more\n",
     GOOD + "@@ -9 +9 @@\n", "--- a/a.py\n+++ b/a.py\n@@ -1,9 +1,9 @@\n one\n```\n", GOOD + "\n-    removed()\n"],
)  # fmt: skip
def test_what_could_be_meant_in_two_ways_is_refused(text):
    with pytest.raises(PatchRejected):
        clean(text)
    assert clean(" \n").is_empty


def test_nothing_is_made_for_names_that_leave(base):
    for name in ("../x", "/x", ".git/config", "a//b", "\udce9", "x\0y", "", "a.py/x", "link/x"):
        with pytest.raises(PatchRejected):
            make_patch(base, {name: b"1"})


def test_threads_share_a_base(base):
    results = []

    def work(number):
        patch = make_patch(base, {"a.py": b"%d\n" % number, f"n{number}": b"\xff"})
        results.append(tuple(change.after for change in base.apply(patch)) == (b"%d\n" % number, b"\xff"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8


BITS = ["../", "/etc/x", "a/", "b/", "\n", "\r\n", '"', "\\", "\t", "@@ -1,3 +1,3 @@\n", "--- ", "+++ ", "diff --git ",
        "new file mode 120000\n",
        "new mode 100755\n", "rename from ", "copy from a.py\ncopy to q\n", "GIT binary patch\n", "literal 5\n", "/dev/null", ".git/config",
        "0", "160000", "\0", "é", "-", "+", " ", "\u2028"]  # fmt: skip


def spoiled(rng, text):
    """A text with a few pieces lost, doubled or slipped in."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.randint(0, 30))
        text = (
            text[:start]
            + rng.choice(["", text[start:end] * 2, rng.choice(BITS)])
            + text[end if rng.random() < 0.5 else start :]
        )
    return text


def test_spoiled_patches_are_refused_or_do_what_they_name(base):
    """What git changes must be among the names that are read here: delivery looks only at those."""
    rng = random.Random(7)
    good = [
        make_patch(base, {"a.py": b"one\n2\nthree\n", "new file": b"hey\n", "data.bin": bytes(range(200))}).diff,
        make_patch(base, {"pkg/b.py": None, "x": b"1"}).diff,
        "diff --git a/a.py b/z.py\nsimilarity index 100%\nrename from a.py\nrename to z.py\n",
    ]
    applied = 0
    for _ in range(400):
        text = spoiled(rng, rng.choice(good))
        try:
            cleaned = clean(text)
            assert clean(cleaned.diff) == cleaned
            changes = base.apply(Patch(diff=text))
        except PatchRejected:
            continue
        applied += 1
        assert {path for change in changes for path in (change.path, *change.gone)} <= set(paths(Patch(diff=text)))
    assert applied > 10


def test_full_disk(make_repo, into, tiny_disk):
    repo = make_repo(files={"big.bin": os.urandom(600_000)})
    snapshot = take_snapshot(repo.top, into)
    with BaseTree(snapshot, folder=tiny_disk) as base, pytest.raises(DiskFull):
        make_patch(base, {"big.bin": os.urandom(600_000)})
    (tiny_disk / "filler").write_bytes(b"x" * 500_000)
    with pytest.raises(DiskFull), BaseTree(snapshot, folder=tiny_disk):
        pass
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]


def test_archive_that_is_broken(make_repo, into):
    snapshot = take_snapshot(make_repo().top, into)
    (into / "base.tar").write_bytes(b"x" * 1024)
    with pytest.raises(RepositoryUnusable, match="cannot be read"), BaseTree(snapshot):
        pass
    (into / "base.tar").unlink()
    with pytest.raises(RepositoryUnusable), BaseTree(snapshot):
        pass


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/data/x.json", True), ("pkg/tests/helper.py", True), ("test_a.py", True), ("pkg/a_test.py", True), ("conftest.py", True),
        ("test/run.py", True), ("src/test/java/A.java", True), ("pkg/tests.py", True), ("web/a.test.ts", True), ("web/a.spec.js", True),
        ("pkg/a_test.go", True), ("django/test/client.py", False), ("numpy/testing/utils.py", False), ("pkg/contest.py", False),
        ("src/latest.py", False), ("pkg/attest/a.py", False), ("testimony.py", False), ("tests", False),
    ],
)  # fmt: skip
def test_paths_of_tests(path, expected):
    assert is_test_path(path) is expected


def test_only_tests():
    def change(path, old=None):
        return FileChange(path=path, before=b"", after=b"1", renamed_from=old)

    assert only_tests([change("tests/a.py")])
    assert not only_tests([])
    assert not only_tests([change("tests/a.py"), change("a.py")])
    assert not only_tests([change("tests/a.py", "a.py")])
