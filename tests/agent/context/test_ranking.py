"""Signals and their fusion."""

from agent.context import signals
from agent.context.fusion import fuse, ranks
from agent.context.imports import ModuleIndex, imports_of
from agent.context.query import read_query
from envs.history import Commit

PATHS = ["src/pkg/core.py", "src/pkg/__init__.py", "src/pkg/util/core.py", "other/models.py", "top.py"]


def test_paths_are_found_from_their_end() -> None:
    query = read_query("see /home/me/site-packages/pkg/util/core.py and top.py", {})
    scores = signals.named_paths(query, PATHS)
    assert list(ranks(scores)) == ["src/pkg/util/core.py", "top.py"]


def test_a_file_name_that_many_share_names_none() -> None:
    paths = [f"p{n}/utils.py" for n in range(9)]
    assert signals.named_paths(read_query("in utils.py", {}), paths) == {}
    assert set(signals.named_paths(read_query("in p3/utils.py", {}), paths)) == {"p3/utils.py"}


def test_the_innermost_frame_is_first() -> None:
    trace = 'File "/x/pkg/core.py", line 1, in a\nFile "/x/pkg/util/core.py", line 2, in b\nFile "/py/json/models.py", line 3, in c'
    scores = signals.stack_frames(read_query(trace, {}), PATHS)
    assert scores["src/pkg/util/core.py"] > scores["src/pkg/core.py"]


def test_modules_by_every_name_they_have() -> None:
    index = ModuleIndex(PATHS)
    assert index.find("pkg.core") == index.find("src.pkg.core") == ("src/pkg/core.py",)
    assert index.find("pkg") == ("src/pkg/__init__.py",)
    assert index.longest("pkg.core.Class.method") == (("src/pkg/core.py",), "Class.method")
    assert index.longest("numpy.array") == ((), "numpy.array")


def test_imports() -> None:
    source = b"import os, pkg.core as c\nfrom . import util\nfrom ..models import (\n    A,  # why\n    B as C,\n)\n"
    assert imports_of("src/pkg/sub/m.py", source) == (
        "src.pkg.sub", "src.pkg.sub.util", "src.pkg.models", "src.pkg.models.A", "src.pkg.models.B", "os", "pkg.core",
    )  # fmt: skip
    assert imports_of("web/a/page.ts", b"import { x } from '../lib/x'\nconst y = require('./y.js')") == (
        "web/lib/x",
        "web/a/y.js",
    )
    assert ModuleIndex(["web/lib/x.ts"]).resolve(["web/lib/x", "react"]) == ("web/lib/x.ts",)


def test_changed_together_needs_more_than_chance() -> None:
    known = frozenset({"a", "b", "c"})
    commits = [
        Commit("", ("a", "b")),
        Commit("", ("a", "b", "t")),
        Commit("", ("a", "c")),
        Commit("", tuple(f"f{n}" for n in range(99))),
    ]
    assert list(signals.changed_together({"a": 1.0}, commits, known)) == ["b"]


def test_test_files_fit_by_name_and_nearness() -> None:
    near = signals.name_match("lib/rings/tests/test_poly.py", "lib/rings/poly.py")
    far = signals.name_match("lib/rings/tests/test_poly.py", "other/poly.py")
    assert near > far > signals.name_match("tests/test_poly_extra.py", "poly.py") > 0
    assert signals.name_match("tests/test_rings.py", "poly.py") == 0


def test_equals_share_the_last_of_their_places() -> None:
    assert ranks({"a": 2.0, "c": 1.0, "b": 1.0, "none": 0.0}) == {"a": 1, "b": 3, "c": 3}


def test_fusion_is_total_and_names_the_strongest_reason_first() -> None:
    scores, reasons = fuse({"x": {"b": 1.0, "a": 2.0}, "y": {"b": 5.0}, "off": {"z": 9.0}}, {"x": 1.0, "y": 2.0})
    assert list(scores) == ["b", "a"]
    assert reasons == {"b": ("y", "x"), "a": ("x",)}
    assert fuse({"x": {"b": 1.0, "a": 1.0}}, {"x": 1.0})[0] == fuse({"x": {"a": 1.0, "b": 1.0}}, {"x": 1.0})[0]
