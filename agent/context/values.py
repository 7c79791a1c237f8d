"""Values of the context of a task."""

from pydantic import Field

from sandbox.values import Value


class Symbol(Value):
    """A named piece of code."""

    name: str
    """Qualified inside its file, such as `Class.method`."""
    kind: str
    """`class`, `function`, `method` or `constant`."""
    line: int = Field(ge=1)
    """First line, decorators included."""
    end_line: int = Field(ge=1)
    signature: str = ""
    """As written, on one line."""


class RankedFile(Value):
    """A file that matters for the task."""

    path: str
    score: float
    """Higher is more relevant; comparable inside one context only."""
    reasons: tuple[str, ...]
    """Which signals named it, for people and for the prompt, strongest first."""
    symbols: tuple[Symbol, ...] = ()
    """Those in it that matter, most relevant first."""


class Instruction(Value):
    """A file in which the repository tells agents or contributors what to do. Untrusted text."""

    path: str
    text: str
    """Clipped when long, which is said in it."""


class Context(Value):
    """What is known of the repository with respect to one task."""

    outline: str
    """Folders and files with their main symbols, bounded, as text."""
    files: tuple[RankedFile, ...]
    """Most relevant first. Never all that could matter: trajectories can look further."""
    tests: tuple[str, ...] = ()
    """Test files that belong to the ranked files, most relevant first."""
    instructions: tuple[Instruction, ...] = ()
    conventions: str = ""
    """What a complete change is in this repository (changelog, documentation, tests), as it shows in its files and history."""
