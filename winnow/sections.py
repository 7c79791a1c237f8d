"""The settings tree: every section, key, default and meaning. `winnow.settings` reads it from its sources."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class _Section(BaseModel):
    """Part of the tree: closed, so that a misspelt key is an error and not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fix(_Section):
    """What to solve and what to do with the result."""

    repo: Path = Path()
    """A folder of the repository."""
    issue: str | None = None
    """FILE, "text", - (standard input), https://…/issues/N, owner/repo#N or #N."""
    failing_tests: tuple[str, ...] = ()
    """Tests that fail now and must pass in the end. Empty: those that fail on base."""
    apply: bool = False
    """Apply the chosen patch to the work tree."""
    branch: str | None = None
    """Commit the chosen patch on a new branch of this name; the work tree stays as it is."""
    patch_out: Path | None = None
    """Write the chosen patch to this file."""


class Run(_Section):
    """How much is tried."""

    trajectories: int = Field(default=1, ge=1, le=1024)
    """Independent tries in a round. Beside agents, the repairer makes one."""
    proposers: tuple[Literal["agent", "repair"], ...] = ()
    """Who makes candidates. Empty: agents where a model is named, else the repairer."""
    rounds: int = Field(default=1, ge=1, le=100)
    """Rounds at most; another one starts only while nothing is settled."""
    workers: int = Field(default=0, ge=0)
    """Sandboxes at once; 0: one per core for the repairer, and four per core for agents, who mostly wait for their model."""
    seed: int = 0
    """Same seed, same repository, same answer."""
    state_dir: Path = Path(platformdirs.user_state_dir("winnow"))
    """Where runs are kept."""
    cache_dir: Path = Path(platformdirs.user_cache_dir("winnow"))
    """Where built environments are kept."""


class Sandbox(_Section):
    """What machine is opened, and its limits."""

    kind: Literal["auto", "docker", "bubblewrap", "unshare", "host"] = "auto"
    """auto: the first of docker, bubblewrap, unshare that works here. host has no isolation at all and must be named."""
    docker_host: str | None = None
    """Address of the Docker Engine, also DOCKER_HOST. None: the usual socket."""
    docker_user: str = Field(default="1000:1000", pattern=r"\d+:\d+")
    """uid:gid of commands in containers."""
    cpus: float = Field(default=1.0, gt=0)
    memory_mb: int = Field(default=2048, ge=64)
    disk_mb: int = Field(default=2048, ge=16)
    pids: int = Field(default=256, ge=8)
    hosts: tuple[str, ...] = ()
    """Names of hosts that mean the sandbox itself, for servers that tests expect elsewhere. Docker only."""


class Image(_Section):
    """Where the repository's tests can run."""

    name: str | None = None
    """Docker image with the project's dependencies, used as it is."""
    base: str | None = None
    """Docker image that environments are built on; any with Python, venv and git does. None: the official one of the
    newest Python that the project supports. For tasks of a dataset also several: 3.9=NAME,3.11=NAME."""
    setup: tuple[str, ...] = ()
    """Shell commands that install the project, instead of what is detected."""
    python: str | None = None
    """Interpreter: a path (local sandboxes) or a version such as 3.11. None: the repository's own environment, else the
    newest interpreter here that it supports."""


class Suite(_Section):
    """How the repository's tests are run."""

    command: str | None = None
    """None: pytest or unittest, whichever the repository uses."""
    paths: tuple[str, ...] = ()
    """Files or folders that the suite is limited to; empty: all of it."""
    timeout_s: float = Field(default=900.0, gt=0)
    """For one whole run."""


class Repair(_Section):
    """The search-based repairer."""

    max_candidates: int = Field(default=4000, ge=1)
    """Edits tried in one trajectory. A count and not a time, so that a seed always gives the same answer."""
    max_plausible: int = Field(default=20, ge=1)
    """A search ends when it has found so many edits that pass."""
    cpu_limit_s: float = Field(default=600.0, gt=0)
    """Last resort against a suite that is far slower than expected."""


class Model(_Section):
    """The language model, behind any OpenAI-compatible endpoint."""

    names: tuple[str, ...] = ()
    """Models that walk trajectories; several take turns. Empty: no model."""
    base_url: str | None = None
    """Address of the endpoint, also OPENAI_BASE_URL. None: OpenAI's own."""
    api_key: SecretStr | None = None
    """Also OPENAI_API_KEY. Never enters a sandbox, a log or a file."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """None: 0 for the first trajectory and 0.8 for the others."""
    max_output_tokens: int = Field(default=16_384, ge=256)
    """Of one reply, reasoning included."""
    context_tokens: int = Field(default=120_000, ge=4_000)
    """Length of a conversation over which old observations are taken out."""
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    timeout_s: float = Field(default=600.0, gt=0)
    """For one call."""
    retries: int = Field(default=6, ge=0)
    """Of one call, for what a repetition can cure."""
    tools: Literal["auto", "native", "text"] = "auto"
    """How tools are called: by the endpoint's own means, or in the text. auto: own means until it says that it has none."""
    prices: Mapping[str, tuple[float, float, float]] = Field(default_factory=dict)
    """USD per million tokens by model: input, input from cache, output. Over the table that comes with Winnow; 0 for local models.
    In a variable or on the command line: NAME=IN/CACHED/OUT."""

    @field_validator("prices", mode="before")
    @classmethod
    def _read_prices(cls, value: Any) -> Any:
        """Accept NAME=IN/CACHED/OUT, one or several."""
        if isinstance(value, Mapping):
            return value
        parts = value.split(",") if isinstance(value, str) else value
        return {
            name.strip(): tuple(numbers.split("/")) for name, _, numbers in (part.rpartition("=") for part in parts)
        }


class Agent(_Section):
    """How a language model's trajectories go."""

    strategies: tuple[Literal["iterate", "react", "single"], ...] = ("react", "iterate")
    """Taken in turns."""
    turns: int = Field(default=60, ge=1)
    """Model calls of one trajectory."""
    iterations: int = Field(default=8, ge=1)
    """Checks by execution in one trajectory, each with a chance to improve: serial scaling."""
    refusals: int = Field(default=2, ge=0)
    """How often "done" without evidence is sent back."""
    command_timeout_s: float = Field(default=120.0, gt=0)
    """For one shell command."""
    test_timeout_s: float = Field(default=600.0, gt=0)
    """For one run of tests that the model asks for."""
    check_timeout_s: float = Field(default=300.0, gt=0)
    """For the tests of one check."""
    observation_bytes: int = Field(default=16_000, ge=1000)
    """Of one observation."""
    hypotheses: bool = True
    """With several trajectories, ask the model once for different explanations, and give each trajectory another."""
    read_files: int = Field(default=0, ge=0)
    """Files that the model reads one by one to rank them, before the trajectories start; 0: none."""


class Selection(_Section):
    """How one of several changes is chosen. What a model does for it happens only where one is named."""

    policy: str = "default"
    """`default`, `fusion`, `codemonkeys`, `agentless`, `r2egym`, `majority`, `shortest`, `first` or `random`."""
    price_of_wrong: float = Field(default=0.0, ge=0)
    """What delivering a wrong patch costs, in units of the worth of a right one: nothing is delivered that is right with a chance below
    price / (1 + price). 0: always the best that is plausible."""
    suite_seconds: float = Field(default=60.0, gt=0)
    """CPU time on base of the tests that are run with every change: the whole suite where it takes no more, else the tests nearest to
    the changes."""
    probe_seconds: float = Field(default=120.0, gt=0)
    """For one generated test, or one piece of the issue's code."""
    max_changes: int = Field(default=32, ge=1)
    """Distinct changes that are run at most."""
    judge: int = Field(default=4, ge=0, le=64)
    """Opinions of a model on each change that got through the gate; 0: none."""
    judge_views: tuple[Literal["patch", "trajectory"], ...] = Field(default=("patch", "trajectory"), min_length=1)
    """What the opinions look at, in turns: the change alone, or also what was run on the way to it."""
    judge_model: str | None = None
    """Model that judges, compares and writes tests for the selection. None: the first of `model.names`."""
    compare: int = Field(default=3, ge=0, le=6)
    """Changes that no other evidence tells apart are compared with each other by a model, the best so many of them; below 2: never."""
    distinguish: int = Field(default=8, ge=0, le=50)
    """Tests that a selection trajectory may write to tell the leaders apart where they are tied; 0: none is opened."""
    writers: int = Field(default=1, ge=0, le=16)
    """Agents that write tests for the issue and propose no patch."""
    budget_share: float = Field(default=0.25, ge=0, lt=1)
    """Part of every limit of `budget` that trajectories leave to the selection, where there can be several candidates."""


class Budget(_Section):
    """What a run may spend; a call that might exceed it is not made. None: no limit."""

    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    """Input and output together."""
    calls: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    """Wall time of all processes that worked on the run."""


class Tasks(_Section):
    """Tasks of a dataset: where their repositories and images come from, and how patches of them are graded."""

    mirrors: tuple[str, ...] = ()
    """Folders of repositories, OWNER__NAME.git or OWNER/NAME.git, that are asked before any address."""
    repository_url: str = "https://github.com/{repository}.git"
    """Address of a repository, with {repository}, {owner} or {name} in it. Empty: mirrors alone."""
    pull: bool = True
    """Ask registries for images before building them."""
    image_gb: float = Field(default=80.0, gt=0)
    """Disk that images built for tasks may use, GiB; over it, those that were not used for longest are removed."""
    workers: int = Field(default=0, ge=0)
    """Grades at once; 0: one per core."""
    timeout_s: float = Field(default=1800.0, gt=0)
    """For the hidden tests of one task."""
    network: bool = False
    """Let hidden tests use the network. Some tests need it; so does a patch that looks for the answer."""


class Eval(_Section):
    """A batch over a dataset; each task's run is governed by the other sections."""

    out: Path | None = None
    """The batch's folder. None: winnow-eval/DATASET here."""
    grade: Literal["none", "chosen", "all"] = "none"
    """What is graded: nothing, the delivered patch of each task, or every candidate, which pass@k and best@k need."""
    workers: int = Field(default=0, ge=0)
    """Tasks at once; 0: one per core, and with agents two."""
    batch_usd: float | None = Field(default=None, ge=0)
    """What all tasks together may cost. Each is lent `budget.usd` before it starts, so that needs to be set as well."""
    retries: int = Field(default=2, ge=0)
    """Of a task whose machine, endpoint or worker failed."""
    cluster: str | None = None
    """Address of a Ray cluster that the tasks run on; `auto`: the one that this machine belongs to. None: here."""
    task_cpus: float = Field(default=1.0, gt=0)
    """Cores that a task asks the cluster for."""
    task_memory_mb: int = Field(default=0, ge=0)
    """Memory that a task asks the cluster for, MiB; 0: that of the sandboxes that it has at once."""


class GitHub(_Section):
    """Access to the issue tracker."""

    token: SecretStr | None = None
    """Also GITHUB_TOKEN. Never enters a sandbox, a log or a file."""
    api_url: str = "https://api.github.com"
    """Also GITHUB_API_URL."""


class Settings(_Section):
    """The whole tree."""

    fix: Fix = Fix()
    run: Run = Run()
    sandbox: Sandbox = Sandbox()
    image: Image = Image()
    suite: Suite = Suite()
    repair: Repair = Repair()
    model: Model = Model()
    agent: Agent = Agent()
    selection: Selection = Selection()
    budget: Budget = Budget()
    tasks: Tasks = Tasks()
    eval: Eval = Eval()
    github: GitHub = GitHub()
