"""What is sent into machines must run on any Python from 3.6, with nothing of ours around it."""

import ast
import sys
from pathlib import Path

import pytest

from sandbox import inside
from sandbox.bundle import SUPERVISOR, program
from sandbox.inside.command import Clip

MODULES = sorted(Path(inside.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_syntax_is_old(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 6))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.NamedExpr | ast.Match), f"line {node.lineno}"
        if isinstance(node, ast.arguments):
            assert not node.posonlyargs
        if not isinstance(node, ast.arg | ast.FunctionDef):  # those of local names are not evaluated
            continue
        for annotation in filter(None, [getattr(node, "annotation", None), getattr(node, "returns", None)]):
            plain = isinstance(annotation, ast.Constant) or (
                isinstance(annotation, ast.Name) and annotation.id != "Any"
            )
            assert plain, f"{path.stem}, line {annotation.lineno}: is evaluated when it is not a string"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_are_the_standard_librarys_or_its_own(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            assert name.partition(".")[0] in sys.stdlib_module_names or name.startswith("sandbox.inside"), name


def test_fits_one_argument():
    assert all(len(part) < 100_000 for part in program(*SUPERVISOR))


@pytest.mark.parametrize("cap", [0, 1, 2, 7, 100, 100_000])
@pytest.mark.parametrize("size", [0, 1, 6, 7, 8, 1000])
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_clip(cap, size, piece):
    data = bytes(i % 251 for i in range(size))
    clip = Clip(cap)
    for start in range(0, size, piece):
        clip.add(data[start : start + piece])
    first = cap // 2
    expected = data if size <= cap else data[:first] + data[size - (cap - first) :]
    assert (clip.value(), clip.total) == (expected, size)


def test_clip_is_bounded():
    clip = Clip(1000)
    for _ in range(200):
        clip.add(b"x" * 65536)
    assert len(clip.head) + len(clip.tail) < 300_000
