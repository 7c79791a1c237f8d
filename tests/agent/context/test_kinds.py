"""What a file is for."""

import pytest

from agent.context.kinds import Kind, fragment_kind, kind_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("django/test/client.py", Kind.SOURCE),
        ("sympy/testing/runtests.py", Kind.SOURCE),
        ("attest.py", Kind.SOURCE),
        ("testimony/contest.py", Kind.SOURCE),
        ("src/_pytest/doctest.py", Kind.SOURCE),
        ("setup.py", Kind.SOURCE),
        ("web/app/page.tsx", Kind.SOURCE),
        ("sphinx/themes/basic/layout.html", Kind.SOURCE),
        ("docs_builder/main.py", Kind.SOURCE),
        ("history.py", Kind.SOURCE),
        ("pkg/changes.py", Kind.SOURCE),
        ("test/test_a.py", Kind.TEST),
        ("tests/helper.py", Kind.TEST),
        ("pkg/a_test.go", Kind.TEST),
        ("pkg/a.spec.ts", Kind.TEST),
        ("conftest.py", Kind.TEST),
        ("docs/conf.py", Kind.DOCS),
        ("examples/run.py", Kind.DOCS),
        ("README", Kind.DOCS),
        ("pkg/notes.rst", Kind.DOCS),
        ("CHANGES", Kind.CHANGELOG),
        ("CHANGELOG.md", Kind.CHANGELOG),
        ("doc/whats-new.rst", Kind.CHANGELOG),
        ("HISTORY.rst", Kind.CHANGELOG),
        ("changelog/123.bugfix.rst", Kind.CHANGELOG),
        ("docs/changes/io/99.feature.2.rst", Kind.CHANGELOG),
        ("newsfragments/+odd.misc.md", Kind.CHANGELOG),
        ("vendor/lib/a.go", Kind.DATA),
        ("static/app.min.js", Kind.DATA),
        ("pyproject.toml", Kind.DATA),
        ("logo.png", Kind.DATA),
    ],
)
def test_names_decide_as_a_whole(path: str, kind: Kind) -> None:
    assert kind_of(path) is kind


def test_kinds_of_fragments() -> None:
    assert fragment_kind("changelog/11.bugfix.rst") == "bugfix"
    assert fragment_kind("docs/changes/table/11.api.3.rst") == "api"
    assert fragment_kind("docs/11.bugfix.rst") is None
    assert fragment_kind("changelog/README.rst") is None
