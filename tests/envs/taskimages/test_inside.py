"""What runs inside the build of a task's image."""

from pathlib import Path

import pytest

from envs.taskimages.inside import build


def test_what_an_import_hook_finds_is_on_the_path_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "lib/python3.9/site-packages"
    site.mkdir(parents=True)
    text = (
        "import sys\n\nMAPPING%s = {'one': '%s/one', 'two': '%s/src/two', 'far': '/elsewhere/far'}\nNAMESPACES = {}\n"
    )
    for number, spelled in enumerate(("", ": dict[str, str]")):
        hook = site / f"__editable___one_1_{number}_finder.py"
        hook.write_text(text % (spelled, "/testbed", "/testbed"))
    (site / "__editable___old_1_finder.py").write_text("")
    monkeypatch.setattr(build, "ENV", str(tmp_path))
    build.by_path()
    assert (site / "winnow-tree.pth").read_text().splitlines() == ["/testbed", "/testbed/src"] * 2
