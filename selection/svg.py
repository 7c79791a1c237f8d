"""Pictures as SVG text: a handful of shapes, no library. Colours are those of Okabe and Ito, which colour-blind readers can tell apart."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

BLUE, ORANGE, GREY, INK, PALE = "#0072B2", "#D55E00", "#999999", "#222222", "#EEEEEE"
SERIES = (BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B7500", GREY)


class Canvas:
    """Shapes in the order in which they are drawn. Lengths are pixels, from the upper left corner."""

    def __init__(self, width: float, height: float, title: str) -> None:
        """Begin; `title` is what a screen reader says."""
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
            f'viewBox="0 0 {_n(width)} {_n(height)}" font-family="sans-serif" font-size="12" role="img">',
            f"<title>{_text(title)}</title>",
            f'<rect width="{_n(width)}" height="{_n(height)}" fill="white"/>',
        ]

    def rect(
        self, x: float, y: float, width: float, height: float, *, fill: str, hint: str = "", fade: bool = False
    ) -> None:
        """Draw a box; `hint` shows when the pointer rests on it."""
        inner = f"<title>{_text(hint)}</title>" if hint else ""
        opacity = ' opacity="0.35"' if fade else ""
        self._parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill={quoteattr(fill)}{opacity}>{inner}</rect>'
        )

    def line(self, points: Sequence[tuple[float, float]], *, stroke: str, width: float = 1.5, dashes: str = "") -> None:
        """Draw a line through points."""
        drawn = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        dashed = f" stroke-dasharray={quoteattr(dashes)}" if dashes else ""
        self._parts.append(
            f'<polyline points="{drawn}" fill="none" stroke={quoteattr(stroke)} stroke-width="{_n(width)}"{dashed}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        fill: str = INK,
        turn: float = 0,
        bold: bool = False,
    ) -> None:
        """Write; `turn` is in degrees around the point."""
        turned = f' transform="rotate({_n(turn)} {_n(x)} {_n(y)})"' if turn else ""
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" fill={quoteattr(fill)}{weight}{turned}>{_text(text)}</text>'
        )

    def finish(self) -> str:
        """The whole picture."""
        return "\n".join([*self._parts, "</svg>", ""])


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _text(text: str) -> str:
    """What XML cannot hold is left out: names come from strangers."""
    return escape(
        "".join(
            char for char in text if char >= " " and not "\ud800" <= char <= "\udfff" and char not in "\ufffe\uffff"
        )
    )
