"""What a file is for, by its path."""

import re
from enum import StrEnum
from functools import lru_cache
from posixpath import splitext

from envs.patches import is_test_path


class Kind(StrEnum):
    """What a file is for."""

    SOURCE = "source"
    TEST = "test"
    CHANGELOG = "changelog"
    DOCS = "docs"
    """Documentation, examples and benchmarks."""
    DATA = "data"
    """Configuration, data, translations, generated and vendored files: listed, never ranked."""


_DOC_FOLDERS = {
    "doc",
    "docs",
    "documentation",
    "example",
    "examples",
    "benchmark",
    "benchmarks",
    "asv_bench",
    "tutorials",
}
_DOC_NAMES = re.compile(
    r"(readme|authors|contributors|contributing|license|licence|copying|notice|security|code_of_conduct|install|todo)\b",
    re.IGNORECASE,
)
_DOC_ENDINGS = {".rst", ".md", ".txt", ".adoc", ".ipynb", ".tex", ".1"}
_CHANGELOG = re.compile(
    r"(changes?|change[-_]?log|history|news|releases?|release[-_]?notes|what[-_]?s[-_]?new)([-_.].*)?", re.IGNORECASE
)
_FRAGMENT = re.compile(r"(?:[\w-]+\.)*[+\w-]+\.(?P<kind>[a-z_]{2,24})(?:\.\d+)?\.(rst|md|txt)", re.IGNORECASE)
_FRAGMENT_FOLDER = re.compile(
    r"(changelog(\.d|s|_unreleased)?|changes|news(fragments?|\.d)?|(upcoming|next)[-_]changes|fragments|whatsnew|whats_new)",
    re.I,
)
_PROGRAMS = """
    .py .pyi .pyx .pxd .c .h .cc .cpp .cxx .hpp .hh .m .mm .go .rs .java .kt .kts .scala .groovy .rb .php .js .jsx .mjs .cjs .ts
    .tsx .vue .svelte .cs .fs .vb .swift .dart .lua .pl .pm .r .jl .ex .exs .erl .hs .ml .mli .clj .cljs .el .lisp .sh .bash .zsh
    .ps1 .sql .proto .f .f90 .s .asm .html .htm .jinja .j2 .tmpl .tpl .css .scss .less .cmake .mak .zig .nim .v .sv
"""
_SOURCE_ENDINGS = frozenset(_PROGRAMS.split())
_VENDORED = {"node_modules", "vendor", "third_party", "_vendor", "site-packages", "bower_components", "__pycache__"}


@lru_cache(maxsize=100_000)  # asked again and again of the same base
def kind_of(path: str) -> Kind:
    """Say what a file is for, by the usual names of folders and files.

    Names decide as a whole, never by how they begin: `django/test`, `sympy/testing` and `attest.py` are source.
    """
    *folders, name = path.split("/")
    ending = splitext(name)[1].lower()
    if is_changelog(path):
        return Kind.CHANGELOG
    if is_test_path(path):
        return Kind.TEST
    if _VENDORED.intersection(folders) or ".min." in name:
        return Kind.DATA
    if (
        (folders and folders[0].lower() in _DOC_FOLDERS)
        or ending in _DOC_ENDINGS
        or (not ending and _DOC_NAMES.match(name))
    ):
        return Kind.DOCS
    return Kind.SOURCE if ending in _SOURCE_ENDINGS else Kind.DATA


def is_changelog(path: str) -> bool:
    """Say whether a file tells users what has changed: one file for all changes, or one fragment of it."""
    *folders, name = path.split("/")
    stem, ending = splitext(name)
    ending = ending.lower()
    if ending not in ("", ".rst", ".md", ".txt", ".adoc"):
        return False
    if fragment_kind(path) is not None or (len(folders) <= 2 and _CHANGELOG.fullmatch(stem) is not None):
        return True
    return any(_FRAGMENT_FOLDER.fullmatch(part) for part in folders) and ending in (".rst", ".md")


def fragment_kind(path: str) -> str | None:
    """Of `changelog/123.bugfix.rst`, `bugfix`; None for files that are no news fragments."""
    *folders, name = path.split("/")
    match = _FRAGMENT.fullmatch(name)
    if match is None or not any(_FRAGMENT_FOLDER.fullmatch(part) for part in folders):
        return None
    return match["kind"]
