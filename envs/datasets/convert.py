"""A row of SWE-bench or of a look-alike, as what may be shown and what may not."""

import json
import re
from collections.abc import Mapping
from typing import Any

from envs.datasets.rows import Row
from envs.datasets.values import Installation, Record
from envs.errors import DatasetUnusable
from envs.grading.values import Gold
from envs.values import Issue, Patch, Task

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


def convert(row: Row, *, hints: bool = False) -> tuple[Record, Gold]:
    """Split a row in two. Columns that neither side knows are dropped.

    Args:
        row: of SWE-bench (Full, Lite, Verified), SWE-Gym, SWE-rebench, SWE-smith or R2E-Gym.
        hints: append the discussion that followed the issue (`hints_text`). It often gives the solution away.

    Raises:
        DatasetUnusable: a field is missing or has another type.
    """
    fields = _Fields(row)
    if "expected_output_json" in row.values and "instance_id" not in row.values:
        return _r2e(fields)
    name = fields.text("instance_id")
    if not _SAFE.fullmatch(name):
        raise fields.bad("instance_id", f"{name!r} is no name for a task")
    statement = fields.text("problem_statement", empty=True)
    if hints and fields.maybe("hints_text"):
        statement = f"{statement}\n\n{fields.maybe('hints_text')}"
    smith = "base_commit" not in row.values and fields.maybe("repo").startswith("swesmith/")
    record = Record(
        task=_task(name, statement, row.place),
        repository=fields.text("repo"),
        # SWE-smith keeps each task on a branch of that name; only its images have the commit.
        base_commit="HEAD" if smith else fields.commit("base_commit"),
        version=fields.maybe("version"),
        environment_commit=fields.maybe("environment_setup_commit"),
        image=fields.maybe("image") or fields.maybe("image_name") or fields.maybe("docker_image") or None,
        created=fields.maybe("created_at"),
        installation=_installation(fields),
    )
    patch = fields.text("patch", empty=True)
    gold = Gold(
        task_id=name,
        # There the patch is the injected bug, so undoing it is the reference: known, but not as a diff.
        patch=Patch(diff="" if smith else patch),
        test_patch=Patch(diff=fields.maybe("test_patch")),
        fail_to_pass=fields.names("FAIL_TO_PASS"),
        pass_to_pass=fields.names("PASS_TO_PASS", empty=True),
        eval_script=fields.maybe("eval_script") or None,
        log_parser=fields.maybe("log_parser") or None,
        fail_only=fields.maybe("eval_type") == "fail_only",
    )
    return record, gold


def _task(name: str, statement: str, place: str) -> Task:
    title, _, body = statement.lstrip("\r\n").partition("\n")
    return Task(id=name, issue=Issue(title=title.strip(), body=body.strip("\r\n"), source=place))


def _installation(fields: "_Fields") -> Installation | None:
    """SWE-rebench's `install_config` and `requirements`."""
    given = fields.json("install_config")
    if not isinstance(given, Mapping):
        return None

    def listed(key: str) -> tuple[str, ...]:
        value = given.get(key) or ()
        if not isinstance(value, list | tuple):
            value = (value,)
        return tuple(map(str, value))

    env = given.get("env_vars") or {}
    if not isinstance(env, Mapping):
        raise fields.bad("install_config", "env_vars is no object")

    frozen = [line.strip() for line in fields.maybe("requirements").splitlines()]
    return Installation(
        python=listed("python"),
        requirement_files=listed("reqs_path"),
        requirements=tuple(line for line in frozen if line and not line.startswith(("#", "-e", "-f"))),
        packages=listed("pip_packages"),
        prepare=tuple(line for line in listed("pre_install") if "apt-get" not in line),
        install=listed("install"),
        env={str(name): str(value) for name, value in env.items()},
        test_command=" ".join(listed("test_cmd")),
        log_parser=" ".join(listed("log_parser")),
        as_of=fields.maybe("created_at")[:10],
    )


def _r2e(fields: "_Fields") -> tuple[Record, Gold]:
    """R2E-Gym: tasks are commits; the hidden tests lie in the image and in the record of their execution."""
    repository, commit = fields.text("repo_name"), fields.commit("commit_hash")
    name = f"{repository.replace('/', '__')}-{commit[:12]}"
    if not _SAFE.fullmatch(name):
        raise fields.bad("repo_name", f"{repository!r} is no name of a repository")
    parsed, ran = fields.json("parsed_commit_content"), fields.json("execution_result_content")
    expected = fields.json("expected_output_json")
    if not isinstance(expected, Mapping):
        raise fields.bad("expected_output_json", "it is no object")
    parent = parsed.get("old_commit_hash", "") if isinstance(parsed, Mapping) else ""
    statement = fields.text("problem_statement", empty=True).replace("[ISSUE]", "").replace("[/ISSUE]", "")
    record = Record(
        task=_task(name, statement.strip(), fields.row.place),
        repository=repository,
        base_commit=parent or f"{commit}^",
        image=fields.maybe("docker_image") or None,
    )
    ran = ran if isinstance(ran, Mapping) else {}
    tests = dict(zip(ran.get("test_file_names", ()), ran.get("test_file_codes", ()), strict=False))
    passing = tuple(str(test) for test, status in expected.items() if status == "PASSED")
    if not passing:
        raise fields.bad("expected_output_json", "no test passes in it")
    gold = Gold(
        task_id=name,
        patch=Patch(diff=""),
        test_patch=Patch(diff="".join(_new_file(f"r2e_tests/{file}", code) for file, code in tests.items())),
        fail_to_pass=passing,
        log_parser="r2e",
    )
    return record, gold


def _new_file(path: str, text: str) -> str:
    lines = text.removesuffix("\n").split("\n") if text else []  # no other sign ends a line of a diff
    body = "".join(f"+{line}\n" for line in lines)
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1,{len(lines)} @@\n{body}" if lines else ""


def _whole(text: str) -> str:
    """The text without half pairs, which JSON may spell and nobody can write down."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class _Fields:
    """Reads one row; every complaint names the place and the field."""

    def __init__(self, row: Row) -> None:
        self.row = row

    def bad(self, key: str, why: str) -> DatasetUnusable:
        name = self.row.values.get("instance_id")
        who = f" ({name})" if isinstance(name, str) and key != "instance_id" else ""
        return DatasetUnusable(f"{self.row.place}{who}: {key}: {why}.", hint="Correct the row, or leave it out.")

    def text(self, key: str, *, empty: bool = False) -> str:
        value = self.row.values.get(key)
        if value is None:
            raise self.bad(key, "it is missing")
        if not isinstance(value, str):
            raise self.bad(key, f"it is a {type(value).__name__} and no text")
        if not value.strip() and not empty:
            raise self.bad(key, "it is empty")
        return _whole(value)

    def maybe(self, key: str) -> str:
        value = self.row.values.get(key)
        if isinstance(value, str):
            return _whole(value)
        return "" if value is None or isinstance(value, (dict, list)) else str(value)

    def commit(self, key: str) -> str:
        value = self.text(key).strip()
        if not _COMMIT.fullmatch(value):
            raise self.bad(key, f"{value!r} is no commit")
        return value

    def json(self, key: str) -> Any:
        """A structure, or the JSON text of one; None when it is not there."""
        value = self.row.values.get(key)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.strip() else None
        except json.JSONDecodeError as error:
            raise self.bad(key, f"it is not JSON ({error.msg})") from error

    def names(self, key: str, *, empty: bool = False) -> tuple[str, ...]:
        """A list of tests, or the JSON text of one."""
        value = self.json(key)
        if value is None and empty:
            return ()
        if value is None:
            raise self.bad(key, "it is missing")
        if not isinstance(value, list) or not all(isinstance(test, str) for test in value):
            raise self.bad(key, "it is no list of tests")
        if not value and not empty:
            raise self.bad(key, "it names no test")
        return tuple(value)
