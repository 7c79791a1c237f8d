"""What is known of a pool when the decision is made: values only, so that a decision can be made again from a file.

Three verdicts, not two: what timed out, crashed or was never run is unknown. It is no pass, and it is no failure either.
What a proposer says of its own work (`Candidate.claims`, `Candidate.summary`) has no place here.
"""

from typing import Self

from pydantic import Field, model_validator

from agent.probe import ProbeResult
from agent.values import Candidate
from envs.values import Outcome
from sandbox.values import Value
from selection.gate import GateResult
from selection.values import Cluster, Dropped, Origin, Score
from selection.values import Verdict as Verdict  # noqa: PLC0414 - read from here, too

JUDGE = "judge"
"""Name of the verifier that is a chat model's P(correct)."""
LEARNED = "learned"
"""Name of the verifier that was trained on labelled patches."""
BEHAVIOUR = "behaviour"
"""Name of the verifier that says how many others do the same with the issue's code; see `selection.behaviour`."""
COMPARISON = "comparison"
"""Name of the verifier that compares leaders with each other, by a chat model; see `selection.judge.compare`."""
AGREEMENT = "agreement"
"""Name of the verifier that says how much a change shares with what other families changed; see `selection.agreement`."""


class Entry(Value):
    """A candidate and who it comes from."""

    candidate_id: str
    trajectory_id: str
    proposer: str
    """A model's name, a system's name, or `repair`."""
    family: str = ""
    """Systems that copy each other share one name and one vote. Empty: the trajectory stands for itself."""
    position: int = Field(default=0, ge=0)
    """Its place in the order in which candidates came, from 0. Only the policy `first`, and ties that others break so, look at it."""
    order: int = Field(default=0, ge=0)
    """Its place among its own trajectory's candidates, best first, as whoever made them ranks them. Never compared across trajectories."""
    length: int = Field(default=0, ge=0)
    """Characters of the diff."""

    @property
    def voice(self) -> str:
        """Who votes: the family, else the trajectory."""
        return f"family {self.family}" if self.family else f"trajectory {self.trajectory_id}"


class Gate(Value):
    """What the repository's own tests said of a cluster's leader."""

    leader: str
    verdict: Verdict
    """`pass`: nothing that passes on base fails and every target passes; `unknown`: it was not run, or not to an end."""
    regressions: tuple[str, ...] | None = None
    """Tests that pass on base and fail with it, confirmed by repetition. None: the suite was not compared."""
    judged_by_targets: bool = False
    """Tests that fail on base were among what it had to pass."""
    repairs: int = Field(default=0, ge=0)
    """Tests that fail on base and were seen to pass with it: targets, and where there are none, others, confirmed by repetition."""
    reason: str = ""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.verdict is Verdict.PASS and self.regressions:
            raise ValueError("a change with regressions does not pass the gate")
        return self


class ProbeRecord(Value):
    """A generated test that may vote."""

    id: str
    origin: Origin
    author: str | None = None
    """Trajectory that wrote it: its own candidates' passes are discounted. None: nobody who has a candidate in the pool."""
    digest: str = ""
    """Equal for tests that are equal but for formatting and comments. Empty: not known, equal to none."""
    base: tuple[Verdict, ...] = ()
    """Its runs on base. `fail` only when it failed for the reason that it states; failing otherwise is `unknown`."""


class Cell(Value):
    """One run of a probe with a cluster's leader applied. Several cells of one pair are repetitions."""

    leader: str
    probe: str
    verdict: Verdict
    seconds: float = Field(default=0.0, ge=0)
    reason: str = ""
    """For people: how it failed, or why nothing is known."""


class Evidence(Value):
    """All that policies may look at. Neither the order of any tuple nor the ids have a say in the outcome, but for exact ties."""

    task_id: str
    entries: tuple[Entry, ...] = ()
    """Every candidate, dropped ones too."""
    clusters: tuple[Cluster, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    gates: tuple[Gate, ...] = ()
    """By leader; a leader without one was not run."""
    probes: tuple[ProbeRecord, ...] = ()
    cells: tuple[Cell, ...] = ()
    scores: tuple[Score, ...] = ()
    """Of leaders, by verifiers `judge`, `learned`, `comparison`, `agreement` and `behaviour`; others are kept but not looked at."""

    @model_validator(mode="after")
    def _is_closed(self) -> Self:
        known = [entry.candidate_id for entry in self.entries]
        members = [member for cluster in self.clusters for member in cluster.members]
        leaders = {cluster.leader for cluster in self.clusters}
        probes = [probe.id for probe in self.probes]
        wrong = (
            _twice("candidate", known)
            or _twice("member of a cluster", members)
            or _twice("probe", probes)
            or _twice("gate", [gate.leader for gate in self.gates])
            or _strange("member", members, known)
            or _strange("dropped candidate", [dropped.candidate_id for dropped in self.dropped], known)
            or _strange("gate", [gate.leader for gate in self.gates], leaders)
            or _strange("cell", [cell.leader for cell in self.cells], leaders)
            or _strange("cell", [cell.probe for cell in self.cells], probes)
        )
        if wrong:
            raise ValueError(wrong)
        return self

    @property
    def leaders(self) -> tuple[str, ...]:
        """Clusters by their leaders, sorted."""
        return tuple(sorted(cluster.leader for cluster in self.clusters))

    @property
    def voices(self) -> dict[str, frozenset[str]]:
        """Who came to each change, by its leader; see `Entry.voice`."""
        of = {entry.candidate_id: entry.voice for entry in self.entries}
        return {cluster.leader: frozenset(of[member] for member in cluster.members) for cluster in self.clusters}


def entry_of(candidate: Candidate, *, position: int, family: str = "") -> Entry:
    """Keep of a candidate what a decision may know: its claims and its summary stay behind."""
    return Entry(
        candidate_id=candidate.id,
        trajectory_id=candidate.trajectory_id,
        proposer=candidate.proposer,
        family=family,
        position=position,
        order=candidate.order,
        length=len(candidate.patch.diff),
    )


def gate_of(leader: str, result: GateResult) -> Gate:
    """What the gate showed, as evidence.

    A change that the suite did not finish with did not get through, so it fails; regressions that nobody saw stay unknown.
    """
    compared = result.suite is not None and (result.suite.status == "ran" or result.passed or bool(result.regressions))
    met = result.targets is not None and all(result.targets.outcomes.get(t) is Outcome.PASSED for t in result.demands)
    return Gate(
        leader=leader,
        verdict=result.verdict,
        regressions=result.regressions if compared else None,
        judged_by_targets=bool(result.demands),
        repairs=len(result.demands) if met else len(result.repaired),
        reason=result.reason,
    )


def verdict_of(result: ProbeResult) -> Verdict:
    """Read a probe's result: only `fixed` is a pass, only `present` a failure; a broken or late one says nothing."""
    return {"fixed": Verdict.PASS, "present": Verdict.FAIL}.get(result.verdict, Verdict.UNKNOWN)


def _twice(what: str, names: list[str]) -> str:
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    return f"{what} {repeated[0]!r} is named twice" if repeated else ""


def _strange(what: str, names: list[str], known: set[str] | list[str]) -> str:
    strangers = sorted(set(names) - set(known))
    return f"{what} {strangers[0]!r} belongs to nothing in the pool" if strangers else ""
