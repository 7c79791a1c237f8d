"""What is known of a task's environment, and what is made of it."""

from pathlib import Path

import pytest

from envs.datasets.values import Installation, Record
from envs.errors import ImageBuildFailed, RepositoryUnusable
from envs.taskimages.bases import choose_bases, read_bases
from envs.taskimages.facts import _table, installation, look_up
from envs.taskimages.find import official_names
from envs.taskimages.plan import SCM, environment_digest, make_plan, needs_isolation
from envs.taskimages.sources import Sources, check_out
from envs.values import Task
from tests.envs.conftest import Repo


def record(**more: str) -> Record:
    return Record(task=Task(id="a__b-1"), **{"repository": "a/b", "base_commit": "0" * 40, **more})  # type: ignore[arg-type]


def test_the_table_holds_for_every_version_that_it_names() -> None:
    for repository, entry in _table().items():
        versions = {name for part in entry.get("at", []) for name in part["of"]}
        for version in (*versions, "never heard of"):
            known = look_up(repository, version)
            assert known is not None
            assert known.python
            assert known.test_command
            assert known.log_parser.startswith("parse_log_")
            assert known.as_of
    assert len(_table()) == 12


def test_what_the_dataset_says_goes_before_the_table() -> None:
    own = Installation(python=("3.12",))
    assert (
        installation(record(repository="django/django", version="4.2").model_copy(update={"installation": own})) == own
    )
    known = installation(record(repository="Django/Django", version="4.2"))
    assert known is not None
    assert known.python == ("3.9",)
    assert installation(record()) is None


def test_bases() -> None:
    given = read_bases("3.9=old, 3.11=new")
    names = lambda *wanted: [base.name for base in choose_bases(given, wanted)]  # noqa: E731
    assert names("3.9")[0] == "old"
    assert names("3.6") == ["old", "new"]  # the nearest above, then the next
    assert names("3.10", "3.9")[0] == "old"  # what the table allows goes before what is near
    assert names("3.10")[0] == "new"
    assert names("3.12") == ["new"]  # none is above
    assert choose_bases(given, ("3.6",))[0].note == "Python 3.9 instead of 3.6"
    assert [base.name for base in choose_bases(read_bases("any"), ("3.6",))] == ["any"]
    assert choose_bases({}, ("3.9",))[0].name == "python:3.9"
    with pytest.raises(ImageBuildFailed, match="is no base image"):
        read_bases("three=x")


def test_plans() -> None:
    known = Installation(python=("3.6",), packages=("x==1",), as_of="2020-01-01", env={"A": "1"})
    plan = make_plan(record(version="v1.2"), known, version=None, python="3.9")
    assert plan["env"] == {SCM: "1.2.0", "A": "1"}
    assert plan["as_of"] == "2021-12-31"  # nobody knew Python 3.9 before
    assert plan["like"] == "3.6"
    exact = make_plan(record(), known, version="5.1.dev3", python="3.6")
    assert "like" not in exact
    assert exact["env"][SCM] == "5.1.dev3"
    again = make_plan(record(version="9"), known, version="9", python="3.9")
    assert environment_digest(plan, "base", b"") == environment_digest(
        again, "base", b""
    )  # tasks of one version share it
    assert environment_digest(plan, "base", b"") != environment_digest(plan, "base", b"other requirements")


def test_what_is_built_with_more_than_setuptools_is_built_apart(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("from setuptools import setup\nsetup()\n")
    assert not needs_isolation(tmp_path)
    (tmp_path / "setup.py").write_text("from setuptools import setup\nsetup(use_scm_version=True)\n")
    assert needs_isolation(tmp_path)


def test_names_that_others_gave() -> None:
    assert official_names("Some__thing-1")[0] == "swebench/sweb.eval.x86_64.some_1776_thing-1:latest"


def test_a_checkout_has_one_commit_and_its_version(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"a.py": "x = 1\n"})
    repo.git("tag", "v1.2")
    base = repo.commit({"a.py": "x = 2\n"})
    fix = repo.commit({"a.py": "x = 3\n"})
    (tmp_path / "mirrors").mkdir()
    repo.git("clone", "-q", "--bare", ".", str(tmp_path / "mirrors/a__b.git"))
    sources = Sources(mirrors=(str(tmp_path / "mirrors"),), url=None)
    tree = check_out(record(base_commit=base), sources, tmp_path / "tree")
    assert (tree.commit, tree.version) == (base, "1.3.dev1")
    there = Repo(tree.folder)
    assert there.git("log", "--all", "--format=%H").decode().split() == [base]
    assert there.git("cat-file", "-e", fix, check=False) == b""
    assert fix.encode() not in there.git("cat-file", "--batch-all-objects", "--batch-check")
    assert (tree.folder / "a.py").read_text() == "x = 2\n"
    with pytest.raises(RepositoryUnusable, match="cannot be had"):
        check_out(record(), sources, tmp_path / "other")
    with pytest.raises(RepositoryUnusable, match="no copy of c/d"):
        check_out(record(repository="c/d"), sources, tmp_path / "third")
