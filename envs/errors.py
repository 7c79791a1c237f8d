"""What can be wrong with a task, before or while it is prepared.

WinnowError                    (sandbox.errors)
├── DatasetUnusable            a file of tasks or of predictions that cannot be read, or a bad record in it
└── TaskError                  this task cannot be solved as it stands, and the user can change that
    ├── IssueUnusable          the issue is empty, cannot be read or cannot be fetched
    ├── RepositoryUnusable     no repository, a bare one, or one that cannot be read
    ├── ImageBuildFailed       the project's environment cannot be made; carries the end of the log
    ├── SuiteUnusable          the tests cannot be run: no runner found, nothing collected, or unknown test
    ├── PatchRejected          a patch that is malformed, leaves the work tree or does not apply
    │   └── PatchConflict      a sound patch that was made for other content
    └── Undeliverable          a good patch that cannot be put where the user wants it
"""

from sandbox.errors import WinnowError


class TaskError(WinnowError):
    """This task cannot be solved as it stands, and the user can change that."""


class DatasetUnusable(WinnowError):
    """A file of tasks or of predictions that cannot be read, or a bad record in it."""


class IssueUnusable(TaskError):
    """The issue is empty, cannot be read or cannot be fetched."""


class RepositoryUnusable(TaskError):
    """No repository, a bare one, or one that cannot be read."""


class ImageBuildFailed(TaskError):
    """The project's environment cannot be made."""

    def __init__(self, message: str, *, hint: str = "", log_tail: str = "") -> None:
        super().__init__(message, hint=hint)
        self.log_tail = log_tail


class SuiteUnusable(TaskError):
    """The tests cannot be run."""


class PatchRejected(TaskError):
    """A patch that is malformed, leaves the work tree or does not apply."""


class PatchConflict(PatchRejected):
    """A sound patch that was made for other content."""


class Undeliverable(TaskError):
    """A good patch that cannot be put where the user wants it."""
