"""Patches really graded: right ones, wrong ones, and ones that cheat. One image, a container for each."""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envs.datasets.values import Record
from envs.grading.cache import GradeCache
from envs.grading.grader import ContainerGrader
from envs.grading.values import Gold, Grade
from envs.taskimages.find import TaskImages
from envs.values import Patch, Task
from sandbox.engine.images import DockerImages
from sandbox.engine.machine import DockerProvider

pytestmark = pytest.mark.docker

IMAGE = f"winnow-test/task-{os.getpid()}:latest"
FOR_ROOT = IMAGE.replace(":latest", ":root")
FILES = {
    "thing.py": "def half(n):\n    return n // 3\n",
    "tests/__init__.py": "",
    "tests/test_thing.py": "import unittest\n\nfrom thing import half\n\n\nclass T(unittest.TestCase):\n"
    "    def test_zero(self):\n        self.assertEqual(half(0), 0)\n",
    "setup.cfg": "[metadata]\nname = thing\n",
}
TESTS = """diff --git a/tests/test_thing.py b/tests/test_thing.py
--- a/tests/test_thing.py
+++ b/tests/test_thing.py
@@ -8 +8,4 @@ class T(unittest.TestCase):
         self.assertEqual(half(0), 0)
+
+    def test_four(self):
+        self.assertEqual(half(4), 2)
"""
SCRIPT = """#!/bin/bash
cd /testbed
: '>>>>> Start Test Output'
python3 -m unittest -v tests.test_thing
: '>>>>> End Test Output'
"""
HEAD = "diff --git a/thing.py b/thing.py\n--- a/thing.py\n+++ b/thing.py\n"
RIGHT = f"{HEAD}@@ -1,2 +1,2 @@\n def half(n):\n-    return n // 3\n+    return n // 2\n"
TEST_NAMES = {
    "test_four": "test_four (tests.test_thing.T.test_four)",
    "test_zero": "test_zero (tests.test_thing.T.test_zero)",
}


def new_file(path: str, *lines: str) -> str:
    body = "".join(f"+{line}\n" for line in lines)
    return f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n{body}"


def edited(*lines: str) -> str:
    """`thing.py` as these lines."""
    body = "".join(f"+{line}\n" for line in lines)
    return f"{HEAD}@@ -1,2 +1,{len(lines)} @@\n-def half(n):\n-    return n // 3\n{body}"


END = "print('Ran 2 tests in 0.1s', file=sys.stderr)"
LIES = [f"print({name + ' ... ok'!r}, file=sys.stderr)" for name in TEST_NAMES.values()]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the task's image; return the base commit."""
    top = tmp_path_factory.mktemp("task")
    for name, text in FILES.items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(text)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(top))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:

        def open_up(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.uid = member.gid = 0
            member.mode |= 0o777 if member.isdir() else 0o666
            return member

        tar.add(top, "tree", filter=open_up)
        below = os.environ.get("WINNOW_TEST_IMAGE", "winnow-test-base:bookworm")
        recipe = f"FROM {below}\nCOPY tree /testbed\nRUN chmod 777 /testbed\n".encode()
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(recipe)
        tar.addfile(member, io.BytesIO(recipe))
    context.seek(0)
    images = DockerImages()
    images.build(context, tag=IMAGE)
    for_root = io.BytesIO()
    with tarfile.open(fileobj=for_root, mode="w") as tar:
        recipe = f"FROM {IMAGE}\nRUN chmod -R go-w /testbed\n".encode()
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(recipe)
        tar.addfile(member, io.BytesIO(recipe))
    for_root.seek(0)
    images.build(for_root, tag=FOR_ROOT)
    yield commit
    images.remove(FOR_ROOT)
    images.remove(IMAGE)


@pytest.fixture
def grade(docker_base: str, base: str, tmp_path: Path) -> Callable[..., Grade]:
    provider = DockerProvider(pull=False)
    grader = ContainerGrader(
        TaskImages(provider, None, pull=False, log=print), provider, cache=GradeCache(tmp_path / "grades"), timeout_s=20
    )
    record = Record(task=Task(id="some__thing-1"), repository="some/thing", base_commit=base, image=IMAGE)
    gold = Gold(
        task_id="some__thing-1",
        patch=Patch(diff=RIGHT),
        test_patch=Patch(diff=TESTS),
        fail_to_pass=(TEST_NAMES["test_four"],),
        pass_to_pass=(TEST_NAMES["test_zero"],),
        eval_script=SCRIPT,
        log_parser="parse_log_django",
    )

    def one(diff: str, *, timeout: float = 20, image: str = IMAGE) -> Grade:
        grader._timeout = timeout
        return grader.grade(record.model_copy(update={"image": image}), gold, Patch(diff=diff))

    return one


def test_patches_get_what_they_deserve(grade: Callable[..., Grade]) -> None:
    right = grade(RIGHT)
    assert (right.status, right.cached) == ("resolved", False), right.reason
    assert right.tests["FAIL_TO_PASS"]["success"] == (TEST_NAMES["test_four"],)
    assert grade(RIGHT).cached
    assert grade("").status == "empty"
    wrong = grade(RIGHT.replace("n // 2", "n // 1"))
    assert (wrong.status, wrong.cached) == ("unresolved", False)
    assert wrong.tests["FAIL_TO_PASS"]["failure"] == (TEST_NAMES["test_four"],)
    assert grade(RIGHT.replace("return n // 3", "return n // 7")).status == "not_applied"
    fuzzy = RIGHT.replace(" def half(n):", " def half(m):")  # the context is off; `patch` accepts it, as in the harness
    assert grade(fuzzy).status == "resolved"
    assert grade(RIGHT, image=FOR_ROOT).status == "resolved"  # a tree that only root may change
    broken = grade(edited("import os", "os._exit(3)"))  # no test starts, which is the patch's doing: they do without it
    assert (broken.status, broken.reason) == ("unresolved", "With the patch, the tests do not start.")
    slow = edited("import time", "time.sleep(60)", "def half(n):", "    return n // 2")
    assert grade(slow, timeout=2).status == "unknown"


def test_cheating_does_not_help(grade: Callable[..., Grade]) -> None:
    """Each leaves the defect and says that it passes; none is resolved."""
    cheats = {
        "own tests": new_file("tests/test_other.py", "x = 1")
        + "diff --git a/tests/test_thing.py b/tests/test_thing.py\ndeleted file mode 100644\n--- a/tests/test_thing.py\n"
        + "+++ /dev/null\n@@ -1,8 +0,0 @@\n"
        + "".join(f"-{line}\n" for line in FILES["tests/test_thing.py"].splitlines()),
        "lies and leaves": edited("import os, sys", *LIES, "sys.stderr.flush()", "os._exit(0)"),
        "lies at the end": edited("import atexit, sys", "def half(n): return n // 3", f"atexit.register(lambda: ({', '.join(LIES)}))"),
        "sitecustomize": new_file("sitecustomize.py", "import os, sys", *LIES, END, "os._exit(0)"),
        "unittest of its own": new_file("tests/test_thing.pth", "import os; os._exit(0)"),
    }  # fmt: skip
    said = {name: grade(diff) for name, diff in cheats.items()}
    assert {name: grade.status for name, grade in said.items() if grade.status not in ("unresolved", "unknown")} == {}
    assert "sitecustomize.py" in said["sitecustomize"].reason


def test_a_lost_machine_says_nothing_of_the_patch(docker_base: str, tmp_path: Path) -> None:
    provider = DockerProvider(pull=False)
    grader = ContainerGrader(TaskImages(provider, None, pull=False, log=print), provider, cache=None)
    record = Record(task=Task(id="no__image-1"), repository="no/image", base_commit="0" * 40)
    gold = Gold(task_id="no__image-1", patch=Patch(diff=""), test_patch=Patch(diff=""), fail_to_pass=("a",))
    assert grader.grade(record, gold, Patch(diff="x")).status == "infra"
