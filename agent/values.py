"""Values of one try and what it produced."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field

from envs.values import Image, Patch, Snapshot, Suite, SuiteReport, Task
from sandbox.values import Value


class Brief(Value):
    """What every trajectory of a run knows from the start; found once and shared."""

    task: Task
    snapshot: Snapshot
    sandbox: str
    """Kind of machine that the image is for."""
    image: Image
    suite: Suite
    base_report: SuiteReport
    """The suite on base."""
    targets: tuple[str, ...]
    """Tests that fail on base, twice. Those that the task names must all pass in the end; of others a candidate may repair a part.
    Empty: none is known."""
    cues: str = ""
    """Names and frames from the issue and the failing tests, for localisation."""


class Usage(Value):
    """What was spent. Sums by `+`."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Those of the input tokens that the provider read from its cache."""
    usd: float | None = 0.0
    """None when a price was unknown: unknown is not zero."""
    cpu_seconds: float = 0.0
    """CPU time inside sandboxes."""
    estimated_calls: int = 0
    """Those of the calls whose tokens the endpoint did not tell: estimated, or counted at their worst case."""

    def __add__(self, other: "Usage") -> "Usage":
        """Sum field by field; an unknown price makes the sum unknown."""
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            usd=usd,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            estimated_calls=self.estimated_calls + other.estimated_calls,
        )


class ExitReason(StrEnum):
    """Why a trajectory ended."""

    SUBMITTED = "submitted"
    """It holds its own work to be done."""
    EXHAUSTED = "exhausted"
    """Nothing left to try within its limits."""
    OUT_OF_BUDGET = "out_of_budget"
    MODEL_FAILED = "model_failed"
    """The endpoint gave no answer, or declined to."""
    SANDBOX_LOST = "sandbox_lost"
    GAVE_UP = "gave_up"
    """It cannot work on this task at all; `detail` says why."""


class Candidate(Value):
    """A patch with the evidence that its own trajectory gathered."""

    id: str
    """Unique in a run, and stable across resumes."""
    trajectory_id: str
    patch: Patch
    proposer: str
    """Who made it: `repair`, or a model's name."""
    order: int = 0
    """Its place among the trajectory's own candidates, best first, from 0."""
    summary: str = ""
    """What it changes, in one line for people."""
    repairs: tuple[str, ...] = ()
    """Targets that pass with it, as its trajectory says: where the task names none, the gate demands these. Empty: all."""
    claims: Mapping[str, str] = Field(default_factory=dict)
    """What the proposer says of it (operator, location). Never evidence."""


class Probe(Value):
    """A test made for the issue."""

    kind: Literal["script", "test"]
    """`script`: stand-alone, judged by its exit code; `test`: a file of the repository's suite, judged by its tests."""
    path: str
    """Relative to the work tree."""
    content: str
    """Of the whole file, so that the probe can be carried to other trees."""
    test: str = ""
    """Of a test file: the id of the one test in it that is the probe; empty: all of them."""
    support: tuple[tuple[str, str], ...] = ()
    """Other files of the tests that were changed with it, which it may need: (path, content)."""


class Trajectory(Value):
    """One independent try, ended."""

    id: str
    seed: int
    exit: ExitReason
    detail: str = ""
    """For people: why it ended so."""
    candidates: tuple[Candidate, ...] = ()
    probes: tuple[Probe, ...] = ()
    """Tests for the issue that it wrote and believes in, whether or not it came to a candidate."""
    usage: Usage = Usage()
    stats: Mapping[str, float] = Field(default_factory=dict)
    """Counters of the proposer: candidates tried, tests run, seconds by phase."""
