"""What a project's files say about its tests, whatever tools it uses."""

# ruff: noqa: E501  (files in one line each)

import pytest

from envs.images.pyproject import poetry_requirement
from envs.images.recipe import Recipe, make_recipe


def recipe(files: dict[str, str], version: str | None = None) -> Recipe:
    return make_recipe(files, {path for path in files if path.endswith(".py")}, version=version)


SETUP_PY = """
from setuptools import setup, find_packages
TESTS = ["pytest", "mock"]
EXTRAS = dict(docs=["sphinx"])
EXTRAS["x"] = TESTS
setup(name="My.Pkg", packages=find_packages("lib"), package_dir={"": "lib"}, tests_require=TESTS + ["six"],
      extras_require={"test": TESTS, "dev": TESTS}, python_requires=">=3.7", install_requires=["attrs"])
"""


@pytest.mark.parametrize(
    ("files", "extras", "requirements"),
    [
        ({"pyproject.toml": "[project]\nname='a'\noptional-dependencies={tests=['pytest'],docs=['sphinx'],dev=['ruff']}"}, (), ("pytest",)),
        ({"pyproject.toml": "[project]\nname='a'\noptional-dependencies={dev=['pytest'],docs=['sphinx']}"}, (), ("pytest",)),
        (
            {"pyproject.toml": "[dependency-groups]\nbase=['attrs']\nTest=['pytest>8', {include-group='Base'}, {include-group='test'}]\ndev=['ruff']"},
            (),
            ("pytest>8", "attrs"),
        ),
        (
            {"pyproject.toml": "[tool.poetry]\nname='a'\n[tool.poetry.group.test.dependencies]\npytest='^7.1'\nmine={path='.'}\nx={version='*', extras=['y']}"},
            (),
            ("pytest>=7.1,<8", "x[y]"),
        ),
        ({"pyproject.toml": "[tool.poetry.dev-dependencies]\npytest='*'"}, (), ("pytest",)),
        ({"pyproject.toml": "[tool.hatch.envs.default]\ndependencies=['pytest']\nfeatures=['all']\n[build-system]"}, ("all",), ("pytest",)),
        ({"pyproject.toml": "[tool.pdm.dev-dependencies]\ntest=['pytest', '-e file:///x']"}, (), ("pytest",)),
        ({"pyproject.toml": "[tool.uv]\ndev-dependencies=['pytest']"}, (), ("pytest",)),
        ({"setup.cfg": "[metadata]\nname=a\n[options.extras_require]\ntesting=\n  pytest\ndoc=\n  sphinx"}, (), ("pytest",)),
        ({"setup.py": SETUP_PY}, (), ("pytest", "mock", "six")),
        (
            {"tox.ini": "[base]\ndeps=\n  -r{toxinidir}/reqs.txt\n[testenv]\ndeps=\n  pytest  # why\n  py27: old\n  py3{8,9}: new\n  {[base]deps}\n  .[x]\n  cov: coverage\nextras = t"},
            (),
            ("pytest", "new", "-rreqs.txt"),
        ),
        ({"requirements-dev.txt": "", "requirements/tests.txt": "", "requirements/tests.in": ""}, (), ("-r requirements/tests.in",)),
        ({"dev-requirements.txt": "", "docs/requirements.txt": ""}, (), ("-r dev-requirements.txt",)),
        ({"PKG-INFO": "Name: a\nProvides-Extra: test\nProvides-Extra: docs\n", "setup.py": "import setuptools; setuptools.setup()"}, ("test",), ()),
        ({"environment.yml": "name: a\ndependencies:\n  - python=3.9\n  - pip\n  - pip:\n    - pytest==7\n    - -e .\n  - numpy\n"}, (), ("pytest==7",)),
        ({"tox.ini": "[testenv]\ndeps = poetry\n", "pyproject.toml": "[tool.poetry.group.dev.dependencies]\npytest='*'"}, (), ("pytest",)),
        ({"tox.ini": "[testenv]\ndeps = coverage\n", "requirements-dev.txt": ""}, (), ("coverage", "-r requirements-dev.txt")),
        ({"pyproject.toml": "not toml [", "setup.cfg": "no\nini"}, (), ()),
    ],
)  # fmt: skip
def test_what_tests_need(files: dict[str, str], extras: tuple[str, ...], requirements: tuple[str, ...]) -> None:
    found = recipe(files)
    assert (found.extras, found.requirements) == (extras, requirements)


def test_setup_py_is_read_and_not_run() -> None:
    found = recipe({"setup.py": SETUP_PY + "\nraise SystemExit(1)", "lib/mypkg/__init__.py": ""})
    assert (found.name, found.requires_python, found.dependencies) == ("My.Pkg", ">=3.7", ("attrs",))
    assert (found.root, found.main) == ("lib", "mypkg")


@pytest.mark.parametrize(
    ("files", "root", "main"),
    [
        ({"pyproject.toml": "[project]\nname='my-pkg'", "src/my_pkg/__init__.py": ""}, "src", "my_pkg"),
        ({"pyproject.toml": "[project]\nname='my-pkg'", "my_pkg/__init__.py": "", "tests/__init__.py": "", "docs/conf.py": ""}, "", "my_pkg"),
        ({"pyproject.toml": "[project]\nname='one'", "one.py": "", "setup.py": "", "test_one.py": ""}, "", "one"),
        ({"pyproject.toml": "[project]\nname='python-dateutil'", "src/dateutil/__init__.py": "", "lib/x.py": ""}, "src", "dateutil"),
        ({"pyproject.toml": "[project]\nname='ruamel.x'", "src/ruamel/x/__init__.py": ""}, "src", "ruamel"),
        ({"pyproject.toml": "[project]\nname='PyThing'\n[tool.setuptools.packages.find]\nwhere=['code']", "code/thing/__init__.py": ""}, "code", "thing"),
        ({"pyproject.toml": "[project]\nname='x'\n[tool.hatch.build.targets.wheel]\npackages=['py/other']", "py/other/__init__.py": "", "zz.py": ""}, "py", "other"),
        ({"a.py": "", "b.py": ""}, "", None),
        ({"README": ""}, "", None),
    ],
)  # fmt: skip
def test_where_modules_are(files: dict[str, str], root: str, main: str | None) -> None:
    found = recipe(files)
    assert (found.root, found.main) == (root, main)


@pytest.mark.parametrize(
    ("build", "version", "name", "value"),
    [
        ("[build-system]\nrequires=['setuptools-scm']\n[project]\nname='My.pkg'", "1.2", "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_MY_PKG", "1.2"),
        ("[build-system]\nrequires=['hatch-vcs']\n[project]\nname='a'", None, "SETUPTOOLS_SCM_PRETEND_VERSION", "0.0.0+winnow"),
        ("[build-system]\nrequires=['pbr']", None, "PBR_VERSION", "0.0.0.dev0+winnow"),
        ("[build-system]\nrequires=['setuptools']", "1.2", "PBR_VERSION", None),
    ],
)  # fmt: skip
def test_versions_from_tags(build: str, version: str | None, name: str, value: str | None) -> None:
    assert recipe({"pyproject.toml": build}, version).version_env.get(name) == value


def test_versions_of_python() -> None:
    files = {
        "pyproject.toml": "[project]\nname='a'\nrequires-python='>=3.8'\nclassifiers=['Programming Language :: Python :: 3.9', 'Programming Language :: Python :: 3 :: Only']",
        "tox.ini": "[tox]\nenvlist = py{38,310}-x, py311, lint",
        ".python-version": "3.10.4\n",
    }  # fmt: skip
    found = recipe(files)
    assert (found.requires_python, found.declared, found.pinned) == (
        ">=3.8",
        ((3, 8), (3, 9), (3, 10), (3, 11)),
        (3, 10),
    )
    assert recipe({"Dockerfile": "# x\nFROM --platform=x python:3.9-slim\n"}).pinned is None
    assert recipe({"Dockerfile": "FROM python:3.9-slim AS x\n"}).pinned == (3, 9)


def test_plain_scripts_are_not_installed() -> None:
    found = recipe({"main.py": "", "requirements.txt": "attrs", "test_main.py": "import main, hypothesis"})
    assert (found.installable, found.dependencies, found.hints) == (False, ("-r requirements.txt",), ("hypothesis",))


def test_optional_dependencies_that_the_tests_use() -> None:
    extras = "{bson=['pymongo>4'], other=['unused'], fast=['orjson>3; x', 'unused-too']}"
    files = {
        "pyproject.toml": f"[project]\nname='a'\noptional-dependencies={extras}",
        "tests/test_a.py": "import bson, orjson",
    }
    assert recipe(files).hints == ("pymongo>4", "orjson>3; x", "orjson")


def test_tools_that_nobody_names() -> None:
    files = {
        "pyproject.toml": "[project]\nname='yaml'\n[dependency-groups]\ntest=['pytest_mock']",
        "yaml/__init__.py": "",
        "tests/helper/__init__.py": "",
        "tests/test_a.py": "import yaml\nimport helper, os\nfrom mock import patch\nimport evil_package\ndef test_a(mocker, benchmark): pass",
        "tests/conftest.py": "    import simplejson",
        "tox.ini": "[pytest]\nasyncio_mode = auto",
    }
    assert set(recipe(files).hints) == {"mock", "simplejson", "pytest-benchmark", "pytest-asyncio"}


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("^1.2.3", "p>=1.2.3,<2"), ("^0.2.3", "p>=0.2.3,<0.3"), ("~1.2.3", "p>=1.2.3,<1.3"), ("1.2", "p==1.2"), (">=1,<2", "p>=1,<2"),
        ("*", "p"), ("~=1.2", "p~=1.2"), ({"version": "^1", "markers": "x"}, "p>=1,<2 ; x"), ({"git": "x"}, None), ("1.*", "p==1.*"),
        ([{"version": "1"}, {"version": ">=2"}], "p>=2"),
    ],
)  # fmt: skip
def test_poetrys_constraints(spec: object, line: str | None) -> None:
    assert poetry_requirement("p", spec) == line


def test_lock_files_say_which_versions_were_tried() -> None:
    lock = """
[[package]]
name = "Pytest_Mock"
version = "1"
[[package]]
name = "two"
version = "1"
[[package]]
name = "two"
version = "2"
[[package]]
name = "mine"
version = "3"
source = { editable = "." }
"""
    assert recipe({"uv.lock": lock}).locked == {"pytest-mock": "1"}
    assert recipe({"poetry.lock": "nonsense ["}).locked == {}
