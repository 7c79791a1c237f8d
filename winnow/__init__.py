"""The front door: settings, the run graph, the run store, delivery and the command line.

`winnow.fix(...)` is the whole product as one call; it returns the value that `winnow fix --json` prints.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from winnow.result import FixResult
    from winnow.solve import fix

__all__ = ["FixResult", "fix"]


def __getattr__(name: str) -> Any:
    """Import on first use: `import winnow` itself must cost nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'winnow' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only when asked

    module = importlib.import_module("winnow.solve" if name == "fix" else "winnow.result")
    return getattr(module, name)
