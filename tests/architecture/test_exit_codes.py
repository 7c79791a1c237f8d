"""Every exit code is written down where people look for it."""

import re
from pathlib import Path

from winnow import errors

ROOT = Path(__file__).parents[2]


def codes(text: str) -> list[int]:
    """The codes of a table, of which some have two columns of them."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    return sorted(int(cell) for row in rows for cell in row[::3] if cell.strip().isdigit())


def test_the_tables_hold_every_code_once() -> None:
    known = sorted(errors.Exit)
    assert codes(errors.__doc__ or "") == known
    assert codes((ROOT / "README.md").read_text("utf-8").partition("## Exit codes")[2]) == known
