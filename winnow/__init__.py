"""The front door: settings, the run graph, the run store, delivery and the command line.

`winnow.fix(...)` is the whole product as one call; it returns the value that `winnow fix --json` prints. `winnow.select(...)` chooses
between patches that are there already.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from winnow.result import FixResult
    from winnow.select_values import SelectResult
    from winnow.selecting import select
    from winnow.solve import fix

__all__ = ["FixResult", "SelectResult", "fix", "select"]

_PLACES = {
    "fix": "winnow.solve",
    "FixResult": "winnow.result",
    "select": "winnow.selecting",
    "SelectResult": "winnow.select_values",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `import winnow` itself must cost nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'winnow' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only when asked

    return getattr(importlib.import_module(_PLACES[name]), name)
