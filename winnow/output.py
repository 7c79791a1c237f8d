"""What every command prints: one JSON object, or one sentence for an error."""

import json
import sys
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from sandbox.errors import WinnowError
from winnow.errors import Interrupted, exit_code


class errors:  # noqa: N801 - reads as a statement
    """Turn an error into one sentence, what to do about it, and a code."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            error = Interrupted("interrupted")
        if not isinstance(error, WinnowError):
            return
        code = exit_code(error)
        if self._as_json:
            print_json(
                {
                    "status": "error",
                    "exit_code": code,
                    "error": {"kind": type(error).__name__, "message": str(error), "hint": error.hint},
                }
            )
        else:
            console = Console(stderr=True)
            console.print(Text(f"winnow: {error}", style="bold"))
            if error.hint:
                console.print(Text(error.hint))
            log_tail = getattr(error, "log_tail", "")
            if log_tail:
                console.print(Text(log_tail, style="dim"))
        raise typer.Exit(code) from error


def print_json(value: Any) -> None:
    """One object, one line end, on standard output."""
    json.dump(value, sys.stdout, indent=1, ensure_ascii=True)
    sys.stdout.write("\n")
