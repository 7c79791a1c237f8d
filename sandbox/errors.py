"""What can go wrong with a machine.

WinnowError                 everything that Winnow raises on purpose; `hint` says what to do about it
└── SandboxError            the machine is at fault, never the command that ran on it
    ├── SandboxUnavailable  no machine of this kind can be had here (no daemon, no kernel support)
    ├── ImageUnavailable    the named image does not exist, cannot be pulled, or cannot run our supervisor
    ├── BuildFailed         an image could not be built; `log` holds the end of what the builder printed
    ├── SandboxLost         the machine died under us (daemon stopped, container removed, supervisor gone)
    └── DiskFull            the sandbox, or the disk that holds it, has no room left

A failing command is not here: it is an `ExecResult`.
"""


class WinnowError(Exception):
    """Base of every error that Winnow raises on purpose.

    Attributes:
        hint: one sentence that says what to do about it; empty when there is nothing to say.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class SandboxError(WinnowError):
    """The machine is at fault, never the command that ran on it."""


class SandboxUnavailable(SandboxError):
    """No machine of this kind can be had here."""


class ImageUnavailable(SandboxError):
    """The named image does not exist, cannot be pulled, or cannot run our supervisor."""


class BuildFailed(SandboxError):
    """An image could not be built.

    Attributes:
        log: the end of what the builder printed.
    """

    def __init__(self, message: str, *, log: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.log = log


class SandboxLost(SandboxError):
    """The machine died under us."""


class DiskFull(SandboxError):
    """The sandbox, or the disk that holds it, has no room left."""
