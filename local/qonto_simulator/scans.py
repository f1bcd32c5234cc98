"""Invoices that users scanned or photographed: JPEG and PNG pictures of paper."""

import io
from random import Random
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from local.qonto_simulator.formats import amount, day
from local.qonto_simulator.invoices import Attachment
from local.qonto_simulator.paper import BOLD, FONTS, REGULAR
from local.qonto_simulator.texts import Wording, wording

_PAPER = (744, 1052)
_DESK, _WHITE, _INK, _STAMP = (92, 84, 76), (250, 248, 243), (38, 40, 48), (60, 84, 160)
_LEFT, _RIGHT = 70, 674


def render_scan(attachment: Attachment) -> bytes:
    """Return the picture of the edition, always the same bytes."""
    rng = Random(f"{attachment.id}:{attachment.edition}")
    paper = _paper(attachment)
    _stamp(paper, attachment)
    if attachment.content_type == "image/jpeg":
        picture = _photographed(paper, rng)
    else:
        picture = paper.convert("L").rotate(rng.uniform(-0.6, 0.6), Image.Resampling.BILINEAR, fillcolor=235)
    content = io.BytesIO()
    picture.save(content, attachment.content_type.removeprefix("image/"), quality=72)
    return content.getvalue()


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / f"{name}.ttf"), size)


def _amount(value: Any, currency: str, words: Wording) -> str:
    # Pillow draws this font's no-break space twice as wide.
    return amount(value, currency, words).replace("\u00a0", " ")


def _paper(attachment: Attachment) -> Image.Image:
    body: dict[str, Any] = dict(attachment.printed.body)
    words = wording(body["client"]["locale"])
    currency = str(body["currency"])
    paper = Image.new("RGB", _PAPER, _WHITE)
    draw = ImageDraw.Draw(paper)
    plain, small, strong = _font(REGULAR, 17), _font(REGULAR, 14), _font(BOLD, 17)
    draw.text((_LEFT, 64), body["organization"]["trade_name"], _INK, _font(BOLD, 26))
    draw.text((_LEFT, 100), body["organization"]["address"], _INK, small)
    draw.text((_RIGHT, 64), words.invoice.upper(), _INK, _font(BOLD, 26), anchor="ra")
    draw.text((_RIGHT, 100), body["number"], _INK, strong, anchor="ra")
    draw.text((_LEFT, 178), words.billed_to, _INK, small)
    client = body["client"]
    town = f"{client['zip_code']} {client['city']}"
    for number, text in enumerate((client["name"], client["address"], town)):
        draw.text((_LEFT, 200 + 26 * number), text, _INK, strong if number == 0 else plain)
    draw.text((_RIGHT, 200), f"{words.issued} : {day(body['issue_date'], words)}", _INK, small, anchor="ra")
    draw.text((_RIGHT, 224), f"{words.due} : {day(body['due_date'], words)}", _INK, small, anchor="ra")
    y = 326
    draw.line((_LEFT, y, _RIGHT, y), _INK, 2)
    for line in (body["items"] or [])[:16]:
        y += 32
        draw.text((_LEFT, y), f"{line['quantity']} \u00d7 {line['title']}", _INK, plain, anchor="ls")
        draw.text((_RIGHT, y), _amount(line["subtotal"]["value"], currency, words), _INK, plain, anchor="rs")
    draw.line((_LEFT, y + 18, _RIGHT, y + 18), _INK, 2)
    total = _amount(body["total_amount"]["value"], currency, words)
    draw.text((_LEFT, y + 54), words.total, _INK, strong, anchor="ls")
    draw.text((_RIGHT, y + 54), total, _INK, _font(BOLD, 22), anchor="rs")
    draw.text((_LEFT, 980), f"IBAN {body['payment_methods'][0]['iban']}", _INK, small)
    return paper


def _stamp(paper: Image.Image, attachment: Attachment) -> None:
    """Stamp the date of receipt on the paper."""
    stamp = Image.new("L", (250, 96), 0)
    draw = ImageDraw.Draw(stamp)
    draw.rounded_rectangle((4, 4, 245, 91), 8, outline=200, width=4)
    draw.text((125, 34), f"N° {attachment.edition:03d}", 200, _font(BOLD, 22), anchor="mm")
    received = attachment.generated_at.strftime("%d.%m.%Y")
    draw.text((125, 66), received, 200, _font(REGULAR, 20), anchor="mm")
    stamp = stamp.rotate(8, Image.Resampling.BICUBIC, expand=True)
    paper.paste(_STAMP, (400, 850), stamp)


def _photographed(paper: Image.Image, rng: Random) -> Image.Image:
    """Show the paper on a desk, slightly rotated, lit from one side."""
    width, height = _PAPER
    light = Image.linear_gradient("L").rotate(90).resize(_PAPER)
    shaded = Image.composite(paper, Image.new("RGB", _PAPER, (196, 188, 174)), light.point(lambda v: 120 + v // 2))
    desk = Image.new("RGB", (width + 90, height + 90), _DESK)
    shadow = Image.new("L", desk.size, 0)
    shadow.paste(150, (53, 55, 53 + width, 55 + height))
    desk.paste((40, 34, 30), (0, 0), shadow.filter(ImageFilter.BoxBlur(7)))
    desk.paste(shaded, (45, 45))
    return desk.rotate(rng.uniform(-1.6, 1.6), Image.Resampling.BILINEAR, fillcolor=_DESK)
