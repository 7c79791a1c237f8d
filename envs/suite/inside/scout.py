"""Say what a work tree holds that matters for finding its tests: one JSON object on standard output.

Runs in the work tree, under the interpreter that has the project's dependencies.
"""

import json
import os
import re
import sys
from typing import Dict

CONFIGS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
TEST_FOLDERS = ("test", "tests", "testing")
SKIPPED = ("node_modules", "__pycache__", "build", "dist", "site-packages")
MAX_FILES = 100000
LOOKS_LIKE_TESTS = re.compile(rb"^\s*(async )?def test|^class \w+\(.*TestCase\)", re.MULTILINE)


def is_skipped(folder: str) -> bool:
    """True for folders that no runner looks into."""
    name = os.path.basename(folder)
    return name.startswith(".") or name in SKIPPED or os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def read(path: str) -> bytes:
    """Return the file's content, nothing for one that cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(1 << 20)
    except OSError:
        return b""


def look() -> Dict[str, object]:
    """Walk the current folder."""
    configs, tests, packages, entries, seen = {}, [], [], sorted(os.listdir(".")), 0
    for folder, folders, files in os.walk("."):
        folders[:] = sorted(name for name in folders if not is_skipped(os.path.join(folder, name)))
        where = folder[2:].replace(os.sep, "/")
        prefix = where + "/" if where else ""
        in_tests = any(part in TEST_FOLDERS for part in where.split("/"))
        if not where or ("/" not in where and where.startswith("test")):
            for name in CONFIGS:
                if name in files:
                    configs[prefix + name] = read(prefix + name).decode("utf-8", "replace")
        if "__init__.py" in files:
            packages.append(where)
        for name in sorted(files):
            if name.endswith(".py") and (in_tests or "test" in name) and LOOKS_LIKE_TESTS.search(read(prefix + name)):
                tests.append(prefix + name)
        seen += len(files)
        if seen > MAX_FILES:
            break
    return {"configs": configs, "tests": tests, "packages": packages, "entries": entries, "pytest": pytest_version()}


def pytest_version() -> str:
    """Return pytest's version, nothing where it cannot be imported."""
    sys.path.insert(0, os.getcwd())
    try:
        import pytest  # noqa: PLC0415  (optional, and slow)
    except Exception:  # noqa: BLE001  (a broken installation may raise anything)
        return ""
    return str(getattr(pytest, "__version__", "0"))


if __name__ == "__main__":
    # Names that are not UTF-8 come as surrogates, which JSON in ASCII can carry and the reader drops.
    sys.stdout.write(json.dumps(look()))
