"""Which interpreter suits a project."""

import sys
from pathlib import Path

import pytest

from envs.errors import ImageBuildFailed
from envs.images.pythons import Interpreter, ask, choose, installed, shown
from envs.images.recipe import Recipe


def python(minor: int, micro: int = 1) -> Interpreter:
    return Interpreter(f"/opt/{minor}/bin/python", (3, minor, micro), f"/opt/{minor}")


ALL = [python(11), python(6), python(9), python(12), python(14)]


@pytest.mark.parametrize(
    ("recipe", "wish", "minor"),
    [
        (Recipe(), None, 11),
        (Recipe(requires_python=">=3.12"), None, 12),
        (Recipe(requires_python=">=3.8", declared=((3, 8), (3, 12))), None, 12),
        (Recipe(declared=((3, 4),)), None, 9),
        (Recipe(requires_python=">=3.11", declared=((3, 10),)), None, 11),
        (Recipe(pinned=(3, 9), declared=((3, 12),)), None, 9),
        (Recipe(requires_python="nonsense"), None, 11),
        (Recipe(requires_python=">= 3.6, != 3.11.*, "), None, 6),
        (Recipe(), "3.12", 12),
        (Recipe(), "3.9.1", 9),
    ],
)
def test_choose(recipe: Recipe, wish: str | None, minor: int) -> None:
    assert choose(recipe, ALL, wish).minor == (3, minor)


@pytest.mark.parametrize(
    ("recipe", "wish", "words"),
    [(Recipe(requires_python=">=3.15"), None, "needs Python >=3.15"), (Recipe(), "3.1", "3.1 is not")],
)
def test_none_fits(recipe: Recipe, wish: str | None, words: str) -> None:
    with pytest.raises(ImageBuildFailed, match=words) as caught:
        choose(recipe, ALL, wish)
    assert caught.value.hint
    assert "3.11.1" in str(caught.value)


def test_installed_finds_this_one_first_and_remembers(tmp_path: Path) -> None:
    found = installed(None, tmp_path / "known")
    assert found[0].minor == sys.version_info[:2]
    assert len({Path(interpreter.path).resolve() for interpreter in found}) == len(found)
    assert installed(None, tmp_path / "known") == found


def test_what_does_not_run_is_no_interpreter(tmp_path: Path) -> None:
    assert ask("/bin/true") is None
    assert ask(str(tmp_path / "absent")) is None


def test_links_are_shown_with_what_they_point_to(tmp_path: Path) -> None:
    (tmp_path / "real/bin").mkdir(parents=True)
    (tmp_path / "real/bin/python").touch()
    (tmp_path / "link").symlink_to("real/bin/python")
    assert shown([str(tmp_path / "link"), "/usr/lib"]) == (str(tmp_path / "link"), str(tmp_path / "real/bin/python"))
    assert shown([str(tmp_path / "real/bin/python"), str(tmp_path / "real")]) == (str(tmp_path / "real"),)
