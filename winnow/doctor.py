"""What works here: sandboxes, git and the interpreter, with what to install for the rest."""

import platform
import shutil
import sys
from importlib.metadata import version

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sandbox.choose import check_all
from sandbox.values import Availability, Value
from winnow.settings import load


class Examination(Value):
    """What `winnow doctor` found."""

    version: str
    python: str
    system: str
    git: str
    """Path of git; empty when there is none."""
    sandboxes: tuple[Availability, ...]
    """In the order in which they are preferred."""
    default: str
    """Kind that `--sandbox auto` takes; empty when there is none."""


def examine() -> Examination:
    """Try every kind of sandbox once."""
    sandboxes = tuple(check_all(docker_url=load({}, repository=None).sandbox.docker_host))
    return Examination(
        version=version("winnow"),
        python=f"{platform.python_version()} at {sys.executable}",
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        git=shutil.which("git") or "",
        sandboxes=sandboxes,
        default=next((s.kind for s in sandboxes if s.available and s.kind != "host"), ""),
    )


def show_examination(console: Console, found: Examination) -> None:
    """Print it for people."""
    console.print(f"winnow {found.version}, Python {found.python}, {found.system}", highlight=False)
    console.print(f"git: {found.git or 'not found; install git'}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("sandbox", "", "detail"):
        table.add_column(heading)
    for sandbox in found.sandboxes:
        detail = sandbox.detail if sandbox.available else f"{sandbox.detail}. {sandbox.hint}"
        mark = "works" if sandbox.available else "no"
        table.add_row(sandbox.kind, Text(mark, style="green" if sandbox.available else "red"), Text(detail))
    console.print(table)
    if found.default:
        console.print(f"--sandbox auto takes {found.default} here", highlight=False)
    else:
        console.print(
            "no isolated sandbox works here; --sandbox host runs everything without isolation", highlight=False
        )
