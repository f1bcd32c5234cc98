"""What the company's invoices are printed with: embedded fonts, colours, styles, the logo."""

from functools import cache
from pathlib import Path
from typing import Literal

import reportlab
from reportlab import rl_config
from reportlab.graphics.shapes import Circle, Drawing, Line, Polygon
from reportlab.lib.colors import Color, HexColor, linearlyInterpolatedColor, white
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FONTS = Path(reportlab.__file__).parent / "fonts"
REGULAR, BOLD = "Vera", "VeraBd"
INK, MUTED, RULE = HexColor("#1b2333"), HexColor("#6a7385"), HexColor("#d9dde5")
ACCENT, TINT, WARNING = HexColor("#182642"), HexColor("#f4f1ea"), HexColor("#b3261e")
_GLOW, _SHADE = HexColor("#ffbe5c"), HexColor("#ece8de")


@cache
def register_fonts() -> None:
    """Make the fonts known to reportlab, which ships them."""
    # Binary streams make smaller files, and take less time.
    rl_config.useA85 = 0
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(FONTS / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(REGULAR, REGULAR, BOLD, REGULAR, BOLD)


def _style(
    size: float, font: str = REGULAR, ink: Color = INK, alignment: Literal[0, 2] = TA_LEFT, lead: float = 4
) -> ParagraphStyle:
    name = f"{font} {size} {ink.hexval()} {alignment}"
    return ParagraphStyle(name, fontName=font, fontSize=size, leading=size + lead, textColor=ink, alignment=alignment)


BODY, FINE, GREETING = _style(8), _style(7, ink=MUTED, lead=3), _style(8.5)
BRAND, LABEL, HEADING = _style(14, BOLD, ACCENT), _style(7.5, ink=MUTED), _style(8.5, BOLD, ACCENT)
CLIENT = _style(9.5, BOLD)
TITLE, NUMBER = _style(18, BOLD, ACCENT, TA_RIGHT), _style(10, BOLD, alignment=TA_RIGHT)


@cache
def logo() -> Drawing:
    """The company's mark: a lamp at night."""
    size, steps = 50.0, 6
    drawing = Drawing(size, size)
    drawing.add(Circle(25, 25, 25, fillColor=ACCENT, strokeColor=None))
    for step in range(steps):
        glow = linearlyInterpolatedColor(ACCENT, _GLOW, 0, steps, step)
        drawing.add(Circle(25, 21, 20 * (1 - step / steps), fillColor=glow, strokeColor=None))
    drawing.add(Line(25, 50, 25, 35, strokeColor=MUTED, strokeWidth=1.2))
    drawing.add(Polygon([20, 35, 30, 35, 37, 24, 13, 24], fillColor=_SHADE, strokeColor=None))
    drawing.add(Circle(25, 23, 2.5, fillColor=white, strokeColor=None))
    return drawing
