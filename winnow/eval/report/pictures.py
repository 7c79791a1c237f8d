"""A report's pictures, as SVG and as PNG."""

from collections.abc import Mapping

import resvg_py

from selection.report.curves import plot
from selection.svg import INK, PALE, SERIES, Canvas
from winnow.eval.report.measure import Numbers, Report

_WIDTH, _LEFT, _RIGHT, _ROW = 720.0, 220.0, 110.0, 34.0
_ZOOM = 2.0
_FONTS = ("DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica", "Open Sans", "Roboto", "FreeSans")


def pictures(report: Report) -> Mapping[str, str]:
    """Draw what there is to draw: SVG by file name without its ending."""
    found = {}
    if any(one.delivered.value is not None for one in report.systems):
        found["resolved"] = _bars(report)
    for number, one in enumerate(report.systems, 1):
        if len(one.best_at) > 1:
            found["best-at" if len(report.systems) == 1 else f"best-at-{number}"] = plot(one.best_at)
    return found


def png(svg: str) -> bytes | None:
    """Render a picture; None where the machine has no font to write with, since a chart without words misleads."""
    font = _font()
    if font is None:
        return None
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=_ZOOM, sans_serif_family=font))


def _font() -> str | None:
    """A font that is here: one that leaves a trace."""
    canvas = Canvas(20, 20, "")
    empty = bytes(resvg_py.svg_to_bytes(svg_string=canvas.finish(), skip_system_fonts=True))
    canvas.text(2, 15, "H")
    words = canvas.finish()
    for name in _FONTS:
        if bytes(resvg_py.svg_to_bytes(svg_string=words, sans_serif_family=name)) != empty:
            return name
    return None


def _bars(report: Report) -> str:
    """Share resolved by system, with its interval; coverage as a mark where it is known."""
    systems = [one for one in report.systems if one.delivered.value is not None]
    height = 70 + _ROW * len(systems) + 40
    canvas = Canvas(_WIDTH, height, "Share of tasks resolved, by system")
    canvas.text(_LEFT, 22, "Tasks resolved, with 95 % intervals", bold=True)
    top = min(1.0, (int(10 * max(_reach(one) for one in systems)) + 1) / 10)
    for tenth in range(round(top * 10) + 1):
        x = _x(tenth / 10, top)
        canvas.line([(x, 40), (x, height - 45)], stroke=PALE, width=1)
        canvas.text(x, height - 28, f"{tenth * 10} %", anchor="middle")
    for number, one in enumerate(systems):
        _bar(canvas, one, 50 + _ROW * number, SERIES[number % len(SERIES)], top)
    canvas.text(_LEFT, height - 8, "A tick on a bar's line: tasks with some right candidate, where that is known.")
    return canvas.finish()


def _bar(canvas: Canvas, one: Numbers, y: float, fill: str, top: float) -> None:
    value, low, high = one.delivered.value or 0.0, one.delivered.low or 0.0, one.delivered.high or 0.0
    middle = y + _ROW / 2 - 4
    canvas.text(_LEFT - 10, middle + 4, _short(one.name), anchor="end")
    canvas.rect(_LEFT, y, max(_x(value, top) - _LEFT, 0.5), _ROW - 10, fill=fill, hint=f"{one.name}: {value:.1%}")
    canvas.line([(_x(low, top), middle), (_x(high, top), middle)], stroke=INK, width=1.5)
    if one.coverage and one.coverage.value is not None:
        x = _x(one.coverage.value, top)
        canvas.line([(x, y - 3), (x, y + _ROW - 7)], stroke=INK, width=3)
    canvas.text(_WIDTH - _RIGHT + 12, middle + 4, f"{value:.1%} of {one.tasks}")


def _reach(one: Numbers) -> float:
    coverage = one.coverage.value if one.coverage else None
    return max(one.delivered.high or 0.0, coverage or 0.0)


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:13]}…{name[-14:]}"


def _x(share: float, top: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * share / top
