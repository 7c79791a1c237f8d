"""best@k: how policies fare as pools grow, as numbers and as a picture."""

from collections.abc import Sequence

from sandbox.values import Value
from selection.report.compare import Comparison
from selection.svg import GREY, INK, PALE, SERIES, Canvas

_WIDTH, _HEIGHT = 720.0, 440.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 150.0, 40.0, 50.0
_LABEL = 15.0  # pixels between two labels
_DASHES = ("", "6 3", "2 3", "8 3 2 3")


class Point(Value):
    """All policies on pools of at most k candidates."""

    k: int
    comparison: Comparison


def sizes(largest: int) -> tuple[int, ...]:
    """Pool sizes to look at: powers of two, and the largest."""
    powers = [2**exponent for exponent in range(largest.bit_length()) if 2**exponent < largest]
    return (*powers, largest) if largest else ()


def plot(points: Sequence[Point]) -> str:
    """Draw share delivered over pool size as SVG, with the oracle above and the random pick below.

    Lines differ in dashes as well as in colour, and carry their names at the right end.
    """
    lines = [("oracle", [point.comparison.oracle for point in points])]
    lines += [
        (row.policy, [point.comparison.rows[at].delivered.value or 0.0 for point in points])
        for at, row in enumerate(points[0].comparison.rows)
    ]
    if all(name != "random" for name, _ in lines):
        lines.append(("random", [point.comparison.random for point in points]))
    top = max(max(values) for _, values in lines)
    top = min(1.0, (int(top * 10) + 1) / 10)
    canvas = Canvas(_WIDTH, _HEIGHT, "Share of tasks with a right patch delivered, by pool size")
    canvas.text(_LEFT, 22, "Right patch delivered, by candidates per task", bold=True)
    columns = [_LEFT + (_WIDTH - _LEFT - _RIGHT) * at / max(len(points) - 1, 1) for at in range(len(points))]
    _axes(canvas, points, columns, top)
    ends = []
    for number, (name, values) in enumerate(lines):
        reference = name in ("oracle", "random")
        stroke = GREY if reference else SERIES[number % len(SERIES)]
        dashes = "1 3" if reference else _DASHES[number % len(_DASHES)]
        canvas.line(
            [(x, _y(value, top)) for x, value in zip(columns, values, strict=True)],
            stroke=stroke,
            width=2,
            dashes=dashes,
        )
        ends.append((_y(values[-1], top), name, values[-1], INK if reference else stroke))
    _names(canvas, ends)
    return canvas.finish()


def _axes(canvas: Canvas, points: Sequence[Point], columns: Sequence[float], top: float) -> None:
    for tenth in range(round(top * 10) + 1):
        y = _y(tenth / 10, top)
        canvas.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], stroke=PALE, width=1)
        canvas.text(_LEFT - 8, y + 4, f"{tenth * 10} %", anchor="end")
    for x, point in zip(columns, points, strict=True):
        canvas.text(x, _HEIGHT - _BOTTOM + 20, str(point.k), anchor="middle")
    canvas.text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 10, "candidates per task, at most", anchor="middle")


def _names(canvas: Canvas, ends: Sequence[tuple[float, str, float, str]]) -> None:
    """Names at the lines' ends, pushed apart downwards where they would lie on each other."""
    lowest = 0.0
    for y, name, value, fill in sorted(ends):
        lowest = max(y + 4, lowest + _LABEL)
        canvas.text(_WIDTH - _RIGHT + 8, lowest, f"{name} {value:.1%}", fill=fill)


def _y(share: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share / top
