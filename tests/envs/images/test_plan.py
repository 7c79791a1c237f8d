"""What makes an environment another one, and what does not."""

from envs.images import ImageRequest
from envs.images.plan import digest_of, first_imports, make_plan, named_files
from envs.images.recipe import make_recipe
from envs.images.tree import Tree

FILES = {"pyproject.toml": "[project]\nname='a'\n", "a.py": "", "tests/test_a.py": "import a\n"}


def digest(files: dict[str, str], *, sources: str = "0", place: str = "p", request: ImageRequest | None = None) -> str:
    request = request or ImageRequest()
    tree = Tree(files, frozenset(path for path in files if path.endswith(".py")), sources)
    recipe = make_recipe(tree.files, tree.paths)
    return digest_of(make_plan(recipe, request), recipe, tree, request, (place,))


def test_source_code_counts_only_where_it_is_compiled() -> None:
    same = digest(FILES)
    assert digest({**FILES, "a.py": "X = 1", "b.py": "", "tests/test_a.py": "import a, b\n"}) == same
    assert digest(FILES, sources="1") == same
    compiled = {**FILES, "setup.py": "setup(ext_modules=[])"}
    assert digest(compiled, sources="1") != digest(compiled)


def test_what_counts() -> None:
    others = [
        digest({**FILES, "requirements-test.txt": "x"}),
        digest({**FILES, "pyproject.toml": "[project]\nname='b'"}),
        digest({**FILES, "tests/test_a.py": "import hypothesis"}),
        digest(FILES, place="q"),
        digest(FILES, request=ImageRequest(setup=("true",))),
        digest(FILES, request=ImageRequest(pass_env={"PIP_INDEX_URL": "x"})),
    ]
    assert len({digest(FILES), *others}) == len(others) + 1


def test_the_runner_is_asked_for_once() -> None:
    def runner(text: str) -> object:
        return make_plan(make_recipe({"pyproject.toml": text}, set()), ImageRequest())["runner"]

    assert runner("[project]\nname='a'") == ["pytest<9"]
    assert runner("[dependency-groups]\ntest=['pytest-cov']") == ["pytest<9"]
    assert runner("[dependency-groups]\ntest=['pytest >=8; x']") == []


def test_what_conftest_imports() -> None:
    files = {
        "tests/conftest.py": "import os, yaml\nfrom mine import x\nif 1:\n    import optional\n",
        "mine.py": "",
        "test_a.py": "import numpy",
    }
    tree = Tree(files, frozenset(files), "")
    assert first_imports(tree, make_recipe(files, set(files))) == ("os", "yaml")


def test_files_in_variables() -> None:
    assert named_files({"A": "/etc/passwd x", "B": "file:///etc https://h/x /dev/null", "C": "/not/there"}) == (
        "/etc/passwd",
        "/etc",
    )
