"""The looks of the tables on an invoice."""

from typing import Any

from reportlab.lib.colors import white
from reportlab.platypus import TableStyle

from local.qonto_simulator import paper

_ALL = ((0, 0), (-1, -1))


def _style(*commands: Any) -> TableStyle:
    return TableStyle(list(commands))


_TIGHT: tuple[Any, ...] = tuple((f"{side}PADDING", *_ALL, 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM"))
_TOP = ("VALIGN", *_ALL, "TOP")
HEAD = _style(*_TIGHT, ("VALIGN", *_ALL, "MIDDLE"))
COLUMNS = _style(*_TIGHT, _TOP)
FACTS = _style(
    *_TIGHT,
    ("BOTTOMPADDING", *_ALL, 4),
    ("FONT", (0, 0), (0, -1), paper.REGULAR, 7.5),
    ("TEXTCOLOR", (0, 0), (0, -1), paper.MUTED),
    ("FONT", (1, 0), (1, -1), paper.BOLD, 8),
    ("TEXTCOLOR", (1, 0), (1, -1), paper.INK),
)
LINES = _style(
    ("FONT", *_ALL, paper.REGULAR, 8),
    ("TEXTCOLOR", *_ALL, paper.INK),
    ("VALIGN", *_ALL, "TOP"),
    ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
    ("LINEBELOW", (0, 1), (-1, -1), 0.6, paper.RULE),
    ("FONT", (-1, 1), (-1, -1), paper.BOLD, 8),
    ("BACKGROUND", (0, 0), (-1, 0), paper.ACCENT),
    ("FONT", (0, 0), (-1, 0), paper.BOLD, 7.5),
    ("TEXTCOLOR", (0, 0), (-1, 0), white),
    ("ROUNDEDCORNERS", [4, 4, 0, 0]),
)
SUMS = _style(
    ("FONT", *_ALL, paper.REGULAR, 8.5),
    ("TEXTCOLOR", *_ALL, paper.INK),
    ("TEXTCOLOR", (0, 0), (0, -2), paper.MUTED),
    ("ALIGN", (1, 0), (1, -1), "RIGHT"),
    ("BACKGROUND", (0, -1), (-1, -1), paper.TINT),
    ("FONT", (0, -1), (0, -1), paper.BOLD, 9.5),
    ("FONT", (1, -1), (1, -1), paper.BOLD, 11),
    ("BOTTOMPADDING", (0, -1), (-1, -1), 7),
    ("TOPPADDING", (0, -1), (-1, -1), 5),
)
RATES = _style(
    *_TIGHT,
    ("BOTTOMPADDING", *_ALL, 4),
    ("FONT", *_ALL, paper.REGULAR, 8),
    ("TEXTCOLOR", *_ALL, paper.INK),
    ("TEXTCOLOR", (0, 0), (-1, 0), paper.MUTED),
    ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
)
CARD = _style(
    ("BACKGROUND", *_ALL, paper.TINT),
    ("ROUNDEDCORNERS", [4, 4, 4, 4]),
    ("TOPPADDING", *_ALL, 10),
    ("LEFTPADDING", *_ALL, 14),
    ("BOTTOMPADDING", *_ALL, 10),
)
BELOW = _style(*_TIGHT, _TOP, ("LEFTPADDING", (0, 0), (0, 0), 6))
