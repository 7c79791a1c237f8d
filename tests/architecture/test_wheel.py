"""The wheel, installed in an empty environment, works inside a foreign repository that has its own `agent/`."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"winnow", "selection", "agent", "envs", "sandbox"}


def run(*argv: str | Path, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Without the developer's home and Python settings; variables that find packages stay."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if k.startswith("PIP_") or k.lower().endswith("_proxy") or "CERT" in k or "_CA_" in k
    }
    env = {"PATH": os.environ["PATH"], "HOME": str(home), **kept}
    return subprocess.run([str(a) for a in argv], cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that the checkout gets no build folder."""
    source, out = tmp_path_factory.mktemp("source") / "winnow", tmp_path_factory.mktemp("wheel")
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".venv", ".git", "*.egg-info", "build", "__pycache__", ".*_cache")
    )
    done = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, cwd=source, home=out)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.partition("/")[0] for n in names if ".dist-info/" not in n} == ROOMS
    sources = {
        str(p.relative_to(ROOT))
        for room in ROOMS
        for p in (ROOT / room).rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert sources <= set(names)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_runs_inside_a_repository_with_its_own_agent(wheel: Path, tmp_path: Path) -> None:
    home, venv, foreign = tmp_path / "home", tmp_path / "venv", tmp_path / "foreign"
    home.mkdir()
    for room in ROOMS:
        (foreign / room).mkdir(parents=True)
        (foreign / room / "__init__.py").write_text("raise SystemExit('the foreign repository was imported')\n")
    assert run("git", "init", "-q", foreign, cwd=tmp_path, home=home).returncode == 0
    assert run(sys.executable, "-m", "venv", venv, cwd=tmp_path, home=home).returncode == 0
    pip = [
        venv / "bin/python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "-c",
        ROOT / "constraints.txt",
        wheel,
    ]
    installed = run(*pip, cwd=tmp_path, home=home)
    assert installed.returncode == 0, installed.stderr
    helped = run(venv / "bin/winnow", "--help", cwd=foreign, home=home)
    assert helped.returncode == 0, helped.stderr
    assert "doctor" in helped.stdout
    fixed = run(venv / "bin/winnow", "fix", "--json", "--sandbox", "host", cwd=foreign, home=home)
    assert fixed.returncode in (10, 22), fixed.stdout + fixed.stderr
    assert "foreign repository was imported" not in fixed.stdout + fixed.stderr
