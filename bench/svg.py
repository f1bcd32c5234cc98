"""Two kinds of chart as SVG: bars by name, and a line over numbers. Readable on light and dark backgrounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

PANEL_WIDTH: Final = 300
_GAP: Final = 36
_TOP: Final = 58
_BAR: Final = 22
_LINE_HEIGHT: Final = 150
_FOOT: Final = 52
_LABEL_WIDTH: Final = 56
_VALUE_WIDTH: Final = 48
_STYLE: Final = """
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 12px; fill: #57606a }
  .other { fill: #afb8c1 }
  .ours { fill: #0969da }
  .line { stroke: #0969da; fill: none; stroke-width: 2 }
  .axis { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #8d96a0 } .other { fill: #484f58 } .axis { stroke: #30363d }
    .ours { fill: #4493f8 } .line { stroke: #4493f8 }
  }
</style>"""


@dataclass(frozen=True, slots=True)
class Bars:
    """One quantity by name; the bar named `highlighted` has another color."""

    title: str
    values: Sequence[tuple[str, float]]
    highlighted: str

    @property
    def height(self) -> int:
        """The height below the title."""
        return len(self.values) * (_BAR + 8)

    def draw(self, left: int) -> list[str]:
        """The SVG elements, at this distance from the left edge."""
        longest = max(value for _, value in self.values)
        room = PANEL_WIDTH - _LABEL_WIDTH - _VALUE_WIDTH
        parts = [_text(left, _TOP - 12, self.title)]
        for place, (name, value) in enumerate(self.values):
            y = _TOP + place * (_BAR + 8)
            width = max(room * value / longest, 1)
            style = "ours" if name == self.highlighted else "other"
            parts += [
                _text(left, y + 16, name),
                f'<rect class="{style}" x="{left + _LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
                _text(left + _LABEL_WIDTH + width + 6, y + 16, _number(value)),
            ]
        return parts


@dataclass(frozen=True, slots=True)
class Line:
    """One quantity over another; both axes start at zero, so that a line through the origin is linear growth."""

    title: str
    points: Sequence[tuple[float, float]]
    below: str

    @property
    def height(self) -> int:
        """The height below the title."""
        return _LINE_HEIGHT + _FOOT

    def draw(self, left: int) -> list[str]:
        """The SVG elements, at this distance from the left edge."""
        most_x, step_y = max(x for x, _ in self.points), nice_step(max(y for _, y in self.points))
        most_y = step_y * (max(y for _, y in self.points) // step_y + 1)
        origin, bottom, width = left + 40, _TOP + _LINE_HEIGHT, PANEL_WIDTH - 70

        def place(x: float, y: float) -> tuple[float, float]:
            return origin + width * x / most_x, bottom - _LINE_HEIGHT * y / most_y

        parts = [_text(left, _TOP - 12, self.title)]
        for number in range(round(most_y / step_y) + 1):
            y = place(0, number * step_y)[1]
            parts += [
                f'<line class="axis" x1="{origin}" x2="{origin + width}" y1="{y:.1f}" y2="{y:.1f}"/>',
                _text(origin - 6, y + 4, _number(number * step_y), "small", anchor="end"),
            ]
        spots = [place(x, y) for x, y in self.points]
        parts.append(f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in spots)}"/>')
        free = float("-inf")
        for (x, _), (at, y) in zip(self.points, spots, strict=True):
            parts.append(f'<circle class="ours" cx="{at:.1f}" cy="{y:.1f}" r="4"/>')
            # Small sizes are close together: a label that would overlap the last one is left out.
            if at > free:
                parts.append(_text(at, bottom + 18, f"{x:,.0f}", "small", anchor="middle"))
                free = at + 42
        return [*parts, _text(origin + width / 2, bottom + 38, self.below, "small", anchor="middle")]


def chart(title: str, panels: Sequence[Bars | Line]) -> str:
    """An SVG document with the panels side by side under one title."""
    width = len(panels) * (PANEL_WIDTH + _GAP) - _GAP + 32
    height = _TOP + max(panel.height for panel in panels) + 8
    parts = [_text(16, 22, title, "title")]
    for number, panel in enumerate(panels):
        parts += panel.draw(16 + number * (PANEL_WIDTH + _GAP))
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' role="img" aria-label="{escape(title)}">'
    )
    return "\n".join([opening + _STYLE, *parts, "</svg>", ""])


def nice_step(most: float) -> float:
    """A grid step for an axis up to `most`: 1, 2 or 5 times a power of ten, at most six of them."""
    step = 1e-3
    while True:
        for factor in (1, 2, 5):
            if most / (step * factor) <= 6:  # noqa: PLR2004 - the number of grid lines
                return step * factor
        step *= 10


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    attributes = (f' class="{style}"' if style else "") + (f' text-anchor="{anchor}"' if anchor != "start" else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004 - three digits are enough
