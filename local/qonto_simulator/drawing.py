"""What both kinds of documents are drawn with: embedded fonts, the logo, amounts and days as people write them."""

import io
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import reportlab
from PIL import Image, ImageDraw
from reportlab import rl_config
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from local.qonto_simulator.wording import Wording

FONTS = Path(reportlab.__file__).parent / "fonts"
REGULAR, BOLD = "Vera", "VeraBd"
_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}
_LOGO_SIZE = 220
_NIGHT, _DUSK, _GLOW = (24, 38, 66), (64, 74, 108), (255, 190, 92)


@cache
def register_fonts() -> None:
    """Make the fonts known to reportlab, which ships them."""
    # Binary streams: smaller files, and less to do for each.
    rl_config.useA85 = 0
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(FONTS / f"{name}.ttf")))


@cache
def logo() -> ImageReader:
    """Return the company's mark: a lamp at night."""
    scale = 3
    size = _LOGO_SIZE * scale
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((0, 0, size - 1, size - 1), fill=_NIGHT)
    middle, top = size // 2, int(size * 0.56)
    for step in range(60, 0, -1):
        radius = size * 0.40 * step / 60
        share = (1 - step / 60) ** 1.6
        colour = tuple(int(dark + (light - dark) * share) for dark, light in zip(_NIGHT, _GLOW, strict=True))
        draw.ellipse((middle - radius, top - radius, middle + radius, top + radius), fill=colour)
    draw.line((middle, 0, middle, int(size * 0.30)), fill=_DUSK, width=size // 40)
    shade = [
        (size * 0.40, size * 0.30),
        (size * 0.60, size * 0.30),
        (size * 0.74, size * 0.52),
        (size * 0.26, size * 0.52),
    ]
    draw.polygon(shade, fill=(236, 232, 222))
    draw.pieslice((size * 0.40, size * 0.44, size * 0.60, size * 0.62), 0, 180, fill=(255, 236, 190))
    jpeg = io.BytesIO()
    image.resize((_LOGO_SIZE, _LOGO_SIZE), Image.Resampling.LANCZOS).save(jpeg, "JPEG", quality=92)
    return ImageReader(jpeg)


def amount(value: Any, currency: str, words: Wording) -> str:
    """Return an amount as its reader writes it: 1 234,50 €."""
    text = f"{Decimal(str(value)):,.2f}"
    text = text.replace(",", "\0").replace(".", words.decimal).replace("\0", words.thousands)
    symbol = _SYMBOLS.get(currency, f"{currency}\u00a0")
    return f"{symbol}{text}" if words.symbol_first else f"{text}\u00a0{symbol.rstrip()}"


def percentage(fraction: Any, words: Wording) -> str:
    """Return a rate as its reader writes it: 5,5 %."""
    text = f"{(Decimal(str(fraction)) * 100).normalize():f}"
    return f"{text.replace('.', words.decimal)}\u00a0%"


def day(text: Any, words: Wording) -> str:
    """Return a day as its reader writes it, or a dash."""
    return "\u2013" if text is None else date.fromisoformat(str(text)).strftime(words.date)
