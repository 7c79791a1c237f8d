"""Candidates x tests as a heat map: who fell at which gate, which probes counted, and what is not known."""

from selection.evidence import ProbeRecord, Verdict
from selection.explain import Explanation
from selection.standing import Standing
from selection.svg import BLUE, GREY, INK, ORANGE, PALE, Canvas
from selection.weights import ProbeWeight

_CELL, _GAP = 26.0, 3.0
_LEFT, _HEAD, _BAR = 190.0, 130.0, 30.0
_ROWS, _COLUMNS = 40, 40
_FILL = {Verdict.PASS: BLUE, Verdict.FAIL: ORANGE, Verdict.UNKNOWN: PALE}


def heat_map(explanation: Explanation) -> str:
    """Draw the picture as SVG.

    Rows are changes, best first; columns the suite, then probes by weight, with a bar for it. Faded columns do not count. Every verdict has
    a sign besides its colour. A corner marks a probe that the change's own trajectory wrote. What does not fit is counted at the end.
    """
    rows = explanation.standings[:_ROWS]
    weights = sorted(explanation.weights, key=lambda weight: (-weight.weight, weight.probe))[:_COLUMNS]
    width = max(_LEFT + (len(weights) + 1) * (_CELL + _GAP) + 170, 640)
    height = _HEAD + _BAR + max(len(rows), 1) * (_CELL + _GAP) + 60
    canvas = Canvas(width, height, f"Selection for {explanation.task_id}: {explanation.selection.reason}")
    canvas.text(10, 20, _clip(f"{explanation.task_id}: {explanation.selection.reason}", int(width / 7)), bold=True)
    _head(canvas, explanation, weights)
    for number, standing in enumerate(rows):
        _row(canvas, explanation, weights, standing, _HEAD + _BAR + number * (_CELL + _GAP))
    left = (len(explanation.standings) - len(rows), len(explanation.weights) - len(weights))
    _legend(canvas, height - 30, left)
    return canvas.finish()


def _head(canvas: Canvas, explanation: Explanation, weights: list[ProbeWeight]) -> None:
    canvas.text(_x(0) + _CELL / 2 + 4, _HEAD - 8, "suite", turn=-55)
    canvas.text(_LEFT - 10, _HEAD + _BAR - 8, "weight", anchor="end", fill=GREY)
    for number, weight in enumerate(weights, 1):
        mark = " (toxic)" if weight.toxic else ""
        canvas.text(
            _x(number) + _CELL / 2 + 4,
            _HEAD - 8,
            _clip(weight.probe + mark, 18),
            turn=-55,
            fill=INK if weight.weight else GREY,
        )
        tall = max(weight.weight * (_BAR - 6), 1)
        canvas.rect(
            _x(number), _HEAD + _BAR - 3 - tall, _CELL, tall, fill=GREY, hint=f"{weight.weight:.2f}: {weight.reason}"
        )


def _row(canvas: Canvas, explanation: Explanation, weights: list[ProbeWeight], standing: Standing, y: float) -> None:
    chosen = standing.leader == explanation.selection.chosen
    name = _clip(standing.leader, 22)
    canvas.text(_LEFT - 10, y + _CELL * 0.68, f"▶ {name}" if chosen else name, anchor="end", bold=chosen)
    reason = next((f.reason for f in explanation.fallen if f.candidate_id == standing.leader), standing.gate.value)
    _cell(canvas, _x(0), y, standing.gate, hint=f"suite: {reason}", fade=False)
    records = {probe.id: probe for probe in explanation.probes}
    authors = _authors(explanation, standing.leader)
    for number, weight in enumerate(weights, 1):
        verdict = explanation.matrix[weight.probe][standing.leader]
        _cell(canvas, _x(number), y, verdict, hint=f"{weight.probe}: {verdict.value}", fade=not weight.weight)
        if _wrote(records[weight.probe], authors):
            canvas.line([(_x(number), y + 9), (_x(number), y), (_x(number) + 9, y)], stroke=INK, width=2.5)
    said = f"{standing.votes:.2g} votes, {standing.size} tokens, {explanation.probabilities[standing.leader]:.0%}"
    canvas.text(_x(len(weights) + 1) + 6, y + _CELL * 0.68, said, fill=GREY)


def _cell(canvas: Canvas, x: float, y: float, verdict: Verdict, *, hint: str, fade: bool) -> None:
    """A box with a tick, a cross or a dash."""
    canvas.rect(x, y, _CELL, _CELL, fill=_FILL[verdict], hint=hint, fade=fade)
    a, b, c = _CELL * 0.25, _CELL * 0.5, _CELL * 0.75
    if verdict is Verdict.PASS:
        canvas.line([(x + a, y + b), (x + _CELL * 0.42, y + c), (x + c, y + a)], stroke="white", width=2.5)
    elif verdict is Verdict.FAIL:
        canvas.line([(x + a, y + a), (x + c, y + c)], stroke="white", width=2.5)
        canvas.line([(x + c, y + a), (x + a, y + c)], stroke="white", width=2.5)
    else:
        canvas.line([(x + a, y + b), (x + c, y + b)], stroke=GREY, width=2.5)


def _legend(canvas: Canvas, y: float, left: tuple[int, int]) -> None:
    x = 10.0
    for verdict, name in ((Verdict.PASS, "pass"), (Verdict.FAIL, "fail"), (Verdict.UNKNOWN, "unknown")):
        _cell(canvas, x, y - _CELL * 0.7, verdict, hint=name, fade=False)
        canvas.text(x + _CELL + 5, y, name)
        x += 95
    more = [f"{count} more {what}" for count, what in zip(left, ("changes", "probes"), strict=True) if count]
    if more:
        canvas.text(10, y + 22, "Not shown: " + ", ".join(more), fill=GREY)


def _authors(explanation: Explanation, leader: str) -> set[str]:
    members = next(cluster.members for cluster in explanation.selection.clusters if cluster.leader == leader)
    return {entry.trajectory_id for entry in explanation.entries if entry.candidate_id in members}


def _wrote(probe: ProbeRecord, authors: set[str]) -> bool:
    return probe.author in authors


def _x(column: int) -> float:
    return _LEFT + column * (_CELL + _GAP)


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
