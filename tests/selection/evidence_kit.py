"""Evidence made by hand and by hypothesis."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from selection.evidence import JUDGE, LEARNED, Cell, Entry, Evidence, Gate, ProbeRecord, Verdict
from selection.values import Cluster, Origin, Score

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
SHOWN = (F, F)


def entry(name: str, **fields: object) -> Entry:
    return Entry.model_validate(
        {"candidate_id": name, "trajectory_id": f"t-{name}", "proposer": "p", "length": 100, **fields}
    )


def cluster(leader: str, *others: str, size: int = 10) -> Cluster:
    return Cluster(leader=leader, members=tuple(sorted((leader, *others))), size=size)


def gate(leader: str, verdict: Verdict, *regressions: str) -> Gate:
    seen = None if verdict is U else regressions
    return Gate(leader=leader, verdict=verdict, regressions=seen, reason=f"the suite says {verdict.value}")


def probe(
    name: str, author: str | None = None, origin: Origin = Origin.WRITER, base: Sequence[Verdict] = SHOWN
) -> ProbeRecord:
    return ProbeRecord(id=name, origin=origin, author=author, digest=f"digest of {name}", base=tuple(base))


def cells(name: str, verdicts: Mapping[str, Verdict]) -> tuple[Cell, ...]:
    return tuple(Cell(leader=leader, probe=name, verdict=verdict) for leader, verdict in verdicts.items())


def evidence(
    *names: str,
    gates: Mapping[str, Verdict] | None = None,
    matrix: Mapping[str, Mapping[str, Verdict]] | None = None,
    probes: Sequence[ProbeRecord] | None = None,
    scores: Mapping[str, Mapping[str, float | None]] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Evidence:
    """One trajectory and one cluster per name."""
    matrix = matrix or {}
    return Evidence(
        task_id="task",
        entries=tuple(entry(name, position=at) for at, name in enumerate(names)),
        clusters=tuple(cluster(name, size=(sizes or {}).get(name, 10)) for name in names),
        gates=tuple(gate(n, v, *(["test_x"] if v is F else [])) for n, v in (gates or {}).items()),
        probes=tuple(probes if probes is not None else map(probe, matrix)),
        cells=tuple(cell for name, row in matrix.items() for cell in cells(name, row)),
        scores=tuple(
            Score(verifier=verifier, candidate_id=name, value=value)
            for verifier, row in (scores or {}).items()
            for name, value in row.items()
        ),
    )


verdicts = st.sampled_from([P, F, U])


@st.composite
def any_evidence(draw: st.DrawFn, *, authors: bool = True, least: int = 1) -> Evidence:
    """Clusters of one to three candidates, with gates, probes and scores that may be missing."""
    leaders = [f"c{n}" for n in range(draw(st.integers(least, 5)))]
    entries, clusters = [], []
    for leader in leaders:
        members = [leader, *(f"{leader}m{n}" for n in range(draw(st.integers(0, 2))))]
        clusters.append(cluster(*members, size=draw(st.integers(1, 4))))
        for member in members:
            family = draw(st.sampled_from(["", "", "f1", "f2"]))
            length = draw(st.integers(1, 5))
            entries.append(entry(member, position=len(entries), family=family, length=length))
    trajectories = [one.trajectory_id for one in entries]
    probes, runs = [], []
    for number in range(draw(st.integers(0, 5))):
        author = draw(st.sampled_from([None, *trajectories])) if authors else None
        probes.append(probe(f"p{number}", author, draw(st.sampled_from(list(Origin)))))
        runs += cells(f"p{number}", {leader: draw(verdicts) for leader in leaders})
    gates = [gate(leader, draw(verdicts)) for leader in leaders if draw(st.booleans())]
    chance = st.sampled_from([None, 0.1, 0.5, 0.9])
    scores = [
        Score(verifier=verifier, candidate_id=leader, value=draw(chance))
        for verifier in (JUDGE, LEARNED)
        if draw(st.booleans())
        for leader in leaders
    ]
    return Evidence(
        task_id="task",
        entries=tuple(entries),
        clusters=tuple(clusters),
        gates=tuple(gates),
        probes=tuple(probes),
        cells=tuple(runs),
        scores=tuple(scores),
    )
