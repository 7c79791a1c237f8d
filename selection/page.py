"""An explanation as Markdown, for reviewers: `selection.md`."""

from collections.abc import Iterable, Sequence

from selection.evidence import Verdict
from selection.explain import Explanation
from selection.values import Cluster

_SIGNS = {Verdict.PASS: "pass", Verdict.FAIL: "**fail**", Verdict.UNKNOWN: "?"}
_MATRIX_PROBES = 40


def markdown(explanation: Explanation, *, picture: str | None = None) -> str:
    """Write the page.

    Args:
        explanation: what to show.
        picture: file name of the picture that lies beside the page; None: there is none.
    """
    blocks = [
        f"# Selection for {_inline(explanation.task_id)}",
        _verdict(explanation),
        f"![candidates and tests]({picture})" if picture else "",
        "## Pool",
        _pool(explanation),
        "## Out before the comparison",
        _fallen(explanation),
        "## Probes",
        _matrix(explanation),
        _weights(explanation),
        *_separations(explanation),
        "## What other policies would have delivered",
        _alternatives(explanation),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _verdict(explanation: Explanation) -> str:
    selection = explanation.selection
    decision = selection.decision
    assert decision is not None, "a selection that is explained was made by a policy"
    head = f"**Chosen: {_inline(selection.chosen)}**" if selection.chosen else "**Nothing is delivered.**"
    lines = [f"{head} {_inline(selection.reason)}.", ""]
    lines.append(f"- policy `{decision.policy}`, decided by `{decision.rule}`")
    if decision.probability is not None:
        price = explanation.preferences.price_of_wrong
        lines.append(
            f"- P(correct) about {decision.probability:.0%}; a wrong patch costs {price:g} times a right one's worth"
        )
    if not selection.chosen and selection.ranking:
        lines.append(f"- leading: {', '.join(map(_inline, selection.ranking[:2]))}")
    if not decision.margins:
        return "\n".join(lines)
    rows = [(margin.rule, _number(margin.first), _number(margin.second)) for margin in decision.margins]
    return (
        "\n".join(lines)
        + "\n\n"
        + _table(("rule", f"first: {selection.ranking[0]}", f"runner-up: {decision.runner_up}"), rows)
    )


def _pool(explanation: Explanation) -> str:
    clusters = {cluster.leader: cluster for cluster in explanation.selection.clusters}
    head = (
        "place",
        "change",
        "made by",
        "votes",
        "suite",
        "regressions",
        "probes",
        "judge",
        "learned",
        "agreement",
        "tokens",
        "P",
    )
    rows = [
        (
            str(place),
            standing.leader,
            _makers(explanation, clusters[standing.leader]),
            f"{standing.votes:.2g}",
            _SIGNS[standing.gate],
            _number(standing.regressions),
            _range(standing.support, standing.support_at_best),
            _number(standing.judge),
            _number(standing.learned),
            _number(standing.agreement),
            str(standing.size),
            f"{explanation.probabilities[standing.leader]:.0%}",
        )
        for place, standing in enumerate(explanation.standings, 1)
    ]
    note = "Votes: one for each family or trajectory, divided where it came to several changes. `?` is unknown: no pass, and no failure."
    return f"{_table(head, rows)}\n\n{note}" if rows else "Empty."


def _makers(explanation: Explanation, cluster: Cluster) -> str:
    """Who came to a change, and how often."""
    members = set(cluster.members)
    voices = [entry.family or entry.proposer or "?" for entry in explanation.entries if entry.candidate_id in members]
    counted = {voice: voices.count(voice) for voice in sorted(set(voices))}
    return ", ".join(voice if count == 1 else f"{voice} x{count}" for voice, count in counted.items())


def _fallen(explanation: Explanation) -> str:
    return _table(("candidate", "at", "why"), [(f.candidate_id, f.at, f.reason) for f in explanation.fallen]) or "None."


def _matrix(explanation: Explanation) -> str:
    if not explanation.probes:
        return "None."
    order = [standing.leader for standing in explanation.standings]
    voting = sorted(explanation.weights, key=lambda weight: (-weight.weight, weight.probe))
    rows = [
        (weight.probe, f"{weight.weight:.2f}", *(_SIGNS[explanation.matrix[weight.probe][leader]] for leader in order))
        for weight in voting[:_MATRIX_PROBES]
    ]
    left = len(voting) - len(rows)
    return _table(("probe", "weight", *order), rows) + (f"\n\n{left} more have less weight." if left else "")


def _weights(explanation: Explanation) -> str:
    records = {probe.id: probe for probe in explanation.probes}
    rows = [
        (
            weight.probe,
            records[weight.probe].origin.value,
            records[weight.probe].author or "",
            f"{weight.weight:.2f}",
            ("**toxic** " if weight.toxic else "") + weight.reason,
        )
        for weight in explanation.weights
    ]
    return _table(("probe", "from", "author", "weight", "why"), rows)


def _separations(explanation: Explanation) -> list[str]:
    """What selection trajectories tried; nothing where none came to write a test or to an answer."""
    blocks: list[str] = []
    for asked in explanation.separations:
        if not asked.tests and asked.picked is None:
            continue
        answer = f"picked {_inline(asked.picked)}" if asked.picked else "came to no answer"
        blocks.append(
            f"It was asked about {', '.join(map(_inline, asked.finalists))} and {answer}: {_inline(asked.reason)}."
        )
        rows = [
            (test.id, test.base, *(test.verdicts.get(leader, "?") for leader in asked.finalists), test.why)
            for test in asked.tests
        ]
        blocks.append(_table(("test", "base", *asked.finalists, "why"), rows))
    return ["## The selection trajectory", *blocks] if blocks else []


def _alternatives(explanation: Explanation) -> str:
    rows = [
        (a.policy, a.chosen or "nothing certain", a.rule, "yes" if a.same else "no") for a in explanation.alternatives
    ]
    return _table(("policy", "would deliver", "decided by", "same"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; empty without rows."""
    body = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(map(_cell, head)) + " |", "|" + "---|" * len(head), *body]) if body else ""


def _cell(text: str) -> str:
    return _inline(text).replace("|", "\\|")


def _inline(text: str | None) -> str:
    """One line that makes no markup of its own: names and reasons come from strangers."""
    flat = " ".join((text or "").split())
    return flat.replace("<", "&lt;").replace("[", "\\[").replace("`", "'")


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "?"
    return f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"
