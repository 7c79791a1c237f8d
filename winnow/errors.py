"""Errors of the front door, and the exit code of every outcome.

| code | meaning |
|---|---|
| 0 | a plausible patch was found (and delivered as asked) |
| 1 | a defect of Winnow itself |
| 2 | bad usage or settings |
| 10 | nothing plausible was found |
| 20 | the repository cannot be used |
| 21 | the issue cannot be used |
| 22 | the tests cannot be run, or a named test does not exist or does not fail |
| 23 | the project's environment cannot be made |
| 24 | the patch was found but could not be delivered; it is kept in the run |
| 25 | a file of candidates, pools, labels or a selection's log cannot be used |
| 26 | a dataset or a file of predictions cannot be used |
| 27 | machines failed for some patches, which have no grade; the same command grades those |
| 30 | no sandbox of the wanted kind can be had |
| 31 | the image does not exist |
| 32 | the machine was lost half-way; the run can be resumed |
| 33 | no disk space left; the run can be resumed |
| 40 | no such run, or it is in use |
| 41 | a replay came to another outcome |
| 50 | the model's endpoint gave no answer; the run can be resumed |
| 51 | the endpoint wants another key |
| 52 | the endpoint does not know the model, or refuses the request |
| 53 | the budget does not cover a single try |
| 60 | no such batch, it is in use, or it was started with other settings |
| 61 | tasks of a batch have no outcome yet: machines failed, or its budget is used up; the same command goes on |
| 130 | interrupted; the run can be resumed |
"""

from enum import IntEnum

from agent.models.errors import AuthenticationFailed, BudgetExhausted, ModelError, ModelUnavailable
from envs.errors import (
    DatasetUnusable,
    ImageBuildFailed,
    IssueUnusable,
    PatchRejected,
    RepositoryUnusable,
    SuiteUnusable,
    TaskError,
    Undeliverable,
)
from sandbox.errors import (
    BuildFailed,
    DiskFull,
    ImageUnavailable,
    SandboxError,
    SandboxLost,
    SandboxUnavailable,
    WinnowError,
)
from selection.errors import PoolUnusable


class SettingsError(WinnowError):
    """A key, a value or a file of settings is wrong."""


class RunUnusable(WinnowError):
    """No such run, or another process works on it."""


class BatchUnusable(WinnowError):
    """No such batch, another process works on it, or it was started with other settings."""


class DeliveryFailed(WinnowError):
    """The patch was found but could not be delivered; it is kept in the run."""


class Interrupted(WinnowError):
    """The user, or the system, asked Winnow to stop."""


class Exit(IntEnum):
    """Exit codes of the command line; the table above is their documentation."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    NOTHING_PLAUSIBLE = 10
    REPOSITORY = 20
    ISSUE = 21
    SUITE = 22
    ENVIRONMENT = 23
    DELIVERY = 24
    POOL = 25
    DATASET = 26
    UNGRADED = 27
    NO_SANDBOX = 30
    NO_IMAGE = 31
    SANDBOX_LOST = 32
    DISK_FULL = 33
    RUN = 40
    REPLAY_DIFFERS = 41
    MODEL_UNAVAILABLE = 50
    MODEL_KEY = 51
    MODEL_REJECTED = 52
    BUDGET = 53
    BATCH = 60
    BATCH_INCOMPLETE = 61
    INTERRUPTED = 130


_CODES: tuple[tuple[type[WinnowError], Exit], ...] = (
    (SettingsError, Exit.USAGE),
    (RunUnusable, Exit.RUN),
    (BatchUnusable, Exit.BATCH),
    (DeliveryFailed, Exit.DELIVERY),
    (Interrupted, Exit.INTERRUPTED),
    (DatasetUnusable, Exit.DATASET),
    (RepositoryUnusable, Exit.REPOSITORY),
    (IssueUnusable, Exit.ISSUE),
    (SuiteUnusable, Exit.SUITE),
    (ImageBuildFailed, Exit.ENVIRONMENT),
    (PatchRejected, Exit.DELIVERY),
    (Undeliverable, Exit.DELIVERY),
    (BuildFailed, Exit.ENVIRONMENT),
    (TaskError, Exit.REPOSITORY),
    (PoolUnusable, Exit.POOL),
    (ImageUnavailable, Exit.NO_IMAGE),
    (SandboxUnavailable, Exit.NO_SANDBOX),
    (DiskFull, Exit.DISK_FULL),
    (SandboxLost, Exit.SANDBOX_LOST),
    (SandboxError, Exit.SANDBOX_LOST),
    (AuthenticationFailed, Exit.MODEL_KEY),
    (ModelUnavailable, Exit.MODEL_UNAVAILABLE),
    (ModelError, Exit.MODEL_REJECTED),
    (BudgetExhausted, Exit.BUDGET),
)


def exit_code(error: WinnowError) -> Exit:
    """The code for an error: that of its nearest listed ancestor."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.DEFECT)
