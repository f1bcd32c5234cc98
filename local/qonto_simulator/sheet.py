"""A sheet of paper and what is drawn on it with: margins, colours, text styles, a pen."""

from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from local.qonto_simulator.drawing import BOLD, REGULAR

LEFT, RIGHT = 48.0, A4[0] - 48.0
INK, MUTED, RULE = HexColor("#1b2333"), HexColor("#6a7385"), HexColor("#d9dde5")
ACCENT, TINT = HexColor("#182642"), HexColor("#f4f1ea")
WARNING = HexColor("#b3261e")


@dataclass(frozen=True, slots=True)
class Style:
    """How a piece of text looks."""

    size: float
    font: str = REGULAR
    ink: Color = INK

    def width(self, text: str) -> float:
        """Return how much room the text takes."""
        return stringWidth(text, self.font, self.size)

    def shortened(self, text: str, room: float) -> str:
        """Return the text, cut with an ellipsis where it does not fit."""
        if self.width(text) <= room:
            return text
        while text and self.width(f"{text}…") > room:
            text = text[:-1]
        return f"{text.rstrip()}…"


BODY, LABEL, STRONG = Style(8), Style(7.5, ink=MUTED), Style(8, BOLD)
FINE, FOOT = Style(7, ink=MUTED), Style(6.5, ink=MUTED)
BRAND, TITLE, NUMBER = Style(14, BOLD, ACCENT), Style(18, BOLD, ACCENT), Style(10, BOLD)
COLUMN, HEADING = Style(7.5, BOLD, HexColor("#ffffff")), Style(8.5, BOLD, ACCENT)
GREETING, SUM, TOTAL = Style(8.5), Style(9.5, BOLD), Style(11, BOLD, ACCENT)


class Sheet:
    """Draws pieces of an invoice within the margins of a canvas; `y` is measured from the foot of the page."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def text(self, x: float, y: float, text: Any, style: Style) -> None:
        """Write to the right of `x`."""
        self._canvas.setFillColor(style.ink)
        self._canvas.setFont(style.font, style.size)
        self._canvas.drawString(x, y, str(text))

    def text_to(self, x: float, y: float, text: Any, style: Style) -> None:
        """Write so that the text ends at `x`."""
        self.text(x - style.width(str(text)), y, text, style)

    def fact(self, y: float, label: str, text: Any) -> None:
        """Write a label and what it stands for."""
        self.text(LEFT, y, label, LABEL)
        self.text(LEFT + 96, y, text, STRONG)

    def box(self, left: float, bottom: float, height: float, ink: Color) -> None:
        """Fill a rounded box up to the right margin."""
        self._canvas.setFillColor(ink)
        self._canvas.roundRect(left, bottom, RIGHT - left, height, 4, stroke=0, fill=1)

    def rule(self, y: float, width: float = 0.6) -> None:
        """Draw a thin line from margin to margin."""
        self._canvas.setStrokeColor(RULE)
        self._canvas.setLineWidth(width)
        self._canvas.line(LEFT, y, RIGHT, y)
