"""A task of a dataset, as far as it may be shown to whoever solves it. Gold is of another type: `envs.grading.values.Gold`."""

from envs.values import Task
from sandbox.values import Value


class Record(Value):
    """One task of a dataset. Holds nothing of the hidden tests or of the reference patch."""

    task: Task
    """Its id is the dataset's `instance_id`; its issue is the problem statement."""
    repository: str
    """`owner/name`."""
    base_commit: str
    """Full hash. What came later must not be seen."""
    version: str = ""
    """The project's version, which says what it needs; empty when the dataset does not tell."""
    environment_commit: str = ""
    """Commit whose requirements hold; empty: the base's."""
    image: str | None = None
    """Docker image that the dataset names."""
    created: str = ""
    """When the issue was solved, as the dataset writes it; for ordering and filters alone."""
