"""A task of a dataset, as far as it may be shown to whoever solves it. Gold is of another type: `envs.grading.values.Gold`."""

from collections.abc import Mapping

from pydantic import Field

from envs.values import Task
from sandbox.values import Value


class Installation(Value):
    """What it takes to run a project's tests at one version, as far as it is known. Lists are in the order of installation."""

    python: tuple[str, ...] = ()
    """Versions such as `3.9`, best first. Empty: by what the project declares."""
    apt: tuple[str, ...] = ()
    """Debian packages."""
    requirement_files: tuple[str, ...] = ()
    """Files in the tree; the first one that exists is taken. Lines that cannot be had are left out, with a note."""
    requirements: tuple[str, ...] = ()
    """Lines that are wanted; left out likewise."""
    packages: tuple[str, ...] = ()
    """Lines that must be there, over what came before."""
    prepare: tuple[str, ...] = ()
    """Shell commands that change the tree before the project is installed."""
    extras: str = ""
    """Extras of the project, with commas."""
    install: tuple[str, ...] = ()
    """Shell commands that install the project. Empty: an editable installation with `extras`."""
    env: Mapping[str, str] = Field(default_factory=dict)
    """Variables for installing and testing."""
    setup: tuple[str, ...] = ()
    """Shell commands before every run of the tests, in the same shell."""
    test_command: str = ""
    """Shell command that the test files are appended to."""
    suite_command: str = ""
    """Arguments of Python that run the whole suite, or parts: {tests} stands for files or ids, {modules} for their dotted names.
    Empty: pytest or unittest, as the repository says."""
    web: tuple[str, ...] = ()
    """Hosts of the web that the tests ask. In an image that is built here, an httpbin answers for them, over HTTP and HTTPS."""
    log_parser: str = ""
    """Name of the parser of its log, as the `swebench` package has it."""
    compiled: bool = False
    """The project has compiled modules."""
    as_of: str = ""
    """Date (YYYY-MM-DD); releases after it are not considered. Empty: no limit."""


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
    installation: Installation | None = None
    """What the dataset says of the project's environment; None: nothing."""
