"""A small repository on the host, changes to it, and models that judge them."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from agent.values import Candidate
from envs.patches import BaseTree, make_patch
from envs.snapshot import take_snapshot

SOURCE = '''"""Prices."""

LIMIT = 10  # kept


class Cart:
    def total(self, prices):
        result = 0
        for price in prices:
            result -= price
        return result

    def cheapest(self, prices):
        return min(prices)
'''
RIGHT = SOURCE.replace("result -= price", "result += price")
WRONG = SOURCE.replace("return result", "return abs(result)")
ISSUE = "total is negative\n\n`Cart().total([1, 2])` gives -3."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseTree]:
    """The base commit's files."""
    place = tmp_path_factory.mktemp("cart")
    repository = place / "repository"
    (repository / "tests").mkdir(parents=True)
    (repository / "cart.py").write_text(SOURCE)
    (repository / "shop.py").write_text("from cart import Cart\n\n# total\nprint(Cart().total([1]))\ntotals = 1\n")
    (repository / "notes.txt").write_text("# notes\n")
    (repository / "tests/test_cart.py").write_text("import cart\ncart.Cart().total([])\n")
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (place / "into").mkdir()
    with BaseTree(take_snapshot(repository, place / "into")) as tree:
        yield tree


@pytest.fixture
def candidate(base: BaseTree) -> Callable[..., Candidate]:
    """`candidate("a", {"cart.py": text})`: a change with the trajectory `t-a`."""

    def make(name: str, files: dict[str, str] | str = RIGHT) -> Candidate:
        contents = {"cart.py": files} if isinstance(files, str) else files
        patch = make_patch(base, {path: text.encode() for path, text in contents.items()})
        return Candidate(id=name, trajectory_id=f"t-{name}", patch=patch, proposer="p")

    return make
