"""How tests are run, by scripts and by facts."""

from envs.datasets.values import Installation, Record
from envs.grading.place import steering
from envs.grading.script import test_run as plan
from envs.grading.script import touched
from envs.grading.values import Gold
from envs.values import Patch, Task

SCRIPT = """#!/bin/bash
set -uxo pipefail
source /opt/miniconda3/bin/activate
conda activate testbed
cd /testbed
export LANG=en_US.UTF-8
git config --global --add safe.directory /testbed
git status
git -c core.fileMode=false diff 0123
python -m pip install -e .[test]
git checkout 0123 tests/test_a.py
git apply -v - <<'EOF_1'
+export NOT=this
EOF_1
: '>>>>> Start Test Output'
pytest -rA tests/test_a.py
: '>>>>> End Test Output'
git checkout 0123 tests/test_a.py
"""


def diff(*names: str) -> Patch:
    return Patch(diff="".join(f"diff --git a/{n} b/{n}\n--- a/{n}\n+++ b/{n}\n@@ -1 +1 @@\n-a\n+b\n" for n in names))


def gold(script: str | None, tests: Patch, *, parser: str | None = None) -> Gold:
    return Gold(
        task_id="t", patch=Patch(diff=""), test_patch=tests, fail_to_pass=("a",), eval_script=script, log_parser=parser
    )


def record(repository: str = "some/thing") -> Record:
    return Record(task=Task(id="t"), repository=repository, base_commit="0" * 40)


def test_a_published_script_is_taken_apart() -> None:
    run = plan(record(), gold(SCRIPT, diff("tests/test_a.py"), parser="parse_log_flask"), None)
    assert run.setup == ("export LANG=en_US.UTF-8",)
    assert run.command == "pytest -rA tests/test_a.py"
    assert (run.parser, run.whole) == ("parse_log_flask", False)


def test_a_script_of_another_shape_is_run_as_it_is() -> None:
    run = plan(record(), gold("make check\n", diff()), None)
    assert (run.command, run.whole) == ("make check\n", True)


def test_without_a_script_the_facts_say_it() -> None:
    known = Installation(test_command="./tests/runtests.py", log_parser="parse_log_django", setup=("export X=1",))
    tests = diff("tests/a_b/test_c.py", "tests/data.json")
    run = plan(record("django/django"), gold(None, tests), known)
    assert (run.command, run.parser) == ("./tests/runtests.py a_b.test_c", "parse_log_django")
    assert "export X=1" in run.script()
    assert plan(record(), gold(None, diff()), None).command == "pytest -rA"


def test_what_a_patch_touches() -> None:
    renamed = Patch(diff="diff --git a/old name b/new\nsimilarity index 90%\nrename from old name\nrename to new\n")
    assert touched(renamed) == ("old name", "new")
    assert touched(Patch(diff="")) == ()


def test_names_in_quotes_are_names_too() -> None:
    """As git spells what is no ASCII, and reads anything."""
    quoted = (
        'diff --git "a/conftest.py" "b/conftest.py"\n--- "a/conftest.py"\n+++ "b/conftest.py"\n@@ -1 +1 @@\n-a\n+b\n'
    )
    assert touched(Patch(diff=quoted)) == ("conftest.py",)
    assert steering(Patch(diff=quoted), Patch(diff="")) == ("conftest.py",)
    made = 'diff --git "a/tests/test_\\303\\244.py" "b/tests/test_\\303\\244.py"\n--- /dev/null\n+++ "b/tests/test_\\303\\244.py"\n'
    assert touched(Patch(diff=made)) == ("tests/test_ä.py",)


def test_what_steers_the_runner_is_known_by_name() -> None:
    candidate = diff(
        "src/a.py", "conftest.py", "tests/conftest.py", "setup.cfg", "sitecustomize.py", "x/y.pth", "my_conftest.py"
    )
    assert steering(candidate, diff("setup.cfg")) == ("conftest.py", "tests/conftest.py", "sitecustomize.py", "x/y.pth")
