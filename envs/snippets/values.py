"""Values of snippets."""

from typing import Literal

from sandbox.values import Value


class Step(Value):
    """One statement and what the issue shows for it."""

    code: str
    shown: str | None = None
    """Output that stands behind it in the issue; None where nothing can be told."""


class Snippet(Value):
    """Code from an issue."""

    kind: Literal["session", "script"]
    """`session`: an interactive session with its output; `script`: a block of code."""
    steps: tuple[Step, ...]
    """A script is one step."""
    exception: str = ""
    """Class name of the exception that the issue reports; empty when it reports none."""
    wrong: tuple[str, ...] = ()
    """Outputs that the issue calls wrong, or shows for what happens now."""
    wanted: tuple[str, ...] = ()
    """Outputs that the issue asks for."""
    preludes: tuple[str, ...] = ()
    """Imports from elsewhere in the issue, to be tried in order where a name is missing."""

    @property
    def source(self) -> str:
        """All code."""
        return "\n".join(step.code for step in self.steps)


class SnippetRun(Value):
    """What a snippet did on one tree."""

    status: Literal["ended", "raised", "broken", "timed_out"]
    """`broken`: it cannot be run as it stands (a name or module that is missing, no syntax), so it says nothing."""
    outputs: tuple[str, ...] = ()
    """What each step that was reached printed, its value included, as an interactive session would."""
    exception: str = ""
    """Class name, when one ended it."""
    message: str = ""
