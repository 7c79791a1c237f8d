"""Values of a batch: what was asked, and what became of each task. Nothing here is gold."""

from collections.abc import Mapping
from typing import Any, Literal

from agent.values import Usage
from envs.datasets.values import Record
from sandbox.values import Value

GradeWhat = Literal["none", "chosen", "all"]
"""Which candidates of a task are graded."""

Ended = Literal["patch", "no_patch", "budget", "unusable", "infra", "defect"]
"""How solving a task ended.

patch: a patch is delivered. no_patch: nothing plausible was found. budget: the task's money did not cover a try.
unusable: its repository, environment or tests cannot be used. infra: machines or the endpoint failed, again and again.
defect: Winnow itself failed.
"""


class DatasetNote(Value):
    """Which dataset, so that another one is not taken for it."""

    source: str
    """As the user named it."""
    split: str = ""
    digest: str
    """SHA-256 of the selected tasks as they are shown to solvers, in their order."""


class Batch(Value):
    """What was asked of a batch; written once. `settings` holds what decides results, and no secret."""

    format: Literal[1] = 1
    created: str
    """ISO 8601, UTC."""
    version: str
    """Of Winnow."""
    dataset: DatasetNote
    tasks: tuple[str, ...]
    """Ids, in order."""
    settings: Mapping[str, Any]


class Site(Value):
    """What a task needs beside the batch's settings."""

    settings: Mapping[str, Mapping[str, Any]] = {}
    """By section and key: its image, how its tests are run."""
    image: str = ""
    """Id of the Docker image that it is solved in; empty where the dataset prescribes none."""


class SolveJob(Value):
    """One task for a worker. Holds nothing of the gold."""

    record: Record
    run_dir: str
    """Where the run lives, on storage that every worker sees."""
    settings: Mapping[str, Any]
    """The tree without secrets; workers add their own key."""
    sites: Any
    """A `winnow.eval.port.Sites`."""


class TaskEnd(Value):
    """What became of one task."""

    task_id: str
    repository: str
    """`owner/name`."""
    ended: Ended
    reason: str
    """One sentence for people."""
    patch: str = ""
    """What is delivered; empty when nothing is."""
    chosen: str | None = None
    """Candidate that is delivered."""
    trajectories: int = 0
    """Tries that ended."""
    lost: int = 0
    """Tries that ended because a machine or the endpoint failed."""
    candidates: int = 0
    failures: tuple[str, ...] = ()
    """Infrastructure failures of the whole task, each of which was tried again unless it is the last."""
    usage: Usage = Usage()
    """All that was spent on it, what failed included."""
    seconds: float = 0.0
    """Wall time of its run over all resumes."""
    image: str = ""
    """Id of the Docker image that it was solved in, or the digest of the environment that was made."""

    @property
    def is_final(self) -> bool:
        """False: another batch with the same settings may come to something else, so a resume tries it again."""
        return self.ended not in ("infra", "defect")
