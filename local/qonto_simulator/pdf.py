"""Invoices as PDF: one A4 page, more when the lines need it."""

import io
from decimal import Decimal
from itertools import batched
from threading import Lock
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from local.qonto_simulator.amounts import by_vat_rate
from local.qonto_simulator.drawing import BOLD, amount, day, logo, percentage, register_fonts
from local.qonto_simulator.invoices import Attachment
from local.qonto_simulator.sheet import (
    ACCENT,
    BODY,
    BRAND,
    COLUMN,
    FINE,
    FOOT,
    GREETING,
    HEADING,
    LABEL,
    LEFT,
    NUMBER,
    RIGHT,
    STRONG,
    SUM,
    TINT,
    TITLE,
    TOTAL,
    WARNING,
    Sheet,
)
from local.qonto_simulator.wording import WORDINGS

_WIDTH, _HEIGHT = A4
# Right edges of the numeric columns.
_QUANTITY, _PRICE, _VAT = 338.0, 425.0, 466.0
_ROW = 27.0
# How many lines fit on a page, alone and with the totals below them.
_FIRST_PAGE, _OTHER_PAGES = (15, 10), (25, 19)
_TERMS = (
    "terms_and_conditions",
    "late_payment_penalties",
    "discount_conditions",
    "legal_fixed_compensation",
    "footer",
)
_drawing = Lock()


def render_pdf(attachment: Attachment) -> bytes:
    """Return the PDF of the edition, always the same bytes."""
    # reportlab keeps fonts per process; two documents at once would mix theirs.
    with _drawing:
        register_fonts()
        return _Document(attachment).render()


class _Document:
    """Draws from the top of a page down; `_y` is where the next thing goes."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._invoice = attachment.printed
        self._body = attachment.printed.body
        self._client: dict[str, Any] = self._body["client"]
        self._seller: dict[str, Any] = self._body["organization"]
        self._currency = str(self._body["currency"])
        self._words = WORDINGS.get(self._client["locale"], WORDINGS["en"])
        self._lines: list[dict[str, Any]] = self._body["items"] or []
        self._y = 0.0
        self._buffer = io.BytesIO()
        self._canvas = Canvas(self._buffer, pagesize=A4, invariant=True)
        self._sheet = Sheet(self._canvas)
        self._canvas.setTitle(f"{self._words.invoice} {self._body['number']}")
        self._canvas.setAuthor(str(self._seller["legal_name"]))

    def render(self) -> bytes:
        pages = self._pages()
        for number, rows in enumerate(pages, start=1):
            if number == 1:
                self._draw_head()
            else:
                self._y = _HEIGHT - 60
            if rows or number == 1:
                self._draw_rows(rows)
            if number == len(pages):
                self._draw_totals()
                self._draw_terms()
            self._draw_foot(number, len(pages))
            if self._invoice.is_draft:
                self._draw_watermark()
            self._canvas.showPage()
        self._canvas.save()
        return self._buffer.getvalue()

    def _pages(self) -> list[list[dict[str, Any]]]:
        alone, _ = _FIRST_PAGE
        pages = [self._lines[:alone], *map(list, batched(self._lines[alone:], _OTHER_PAGES[0], strict=False))]
        _, with_totals = _FIRST_PAGE if len(pages) == 1 else _OTHER_PAGES
        if len(pages[-1]) > with_totals:
            pages.append([])
        return pages

    def _draw_head(self) -> None:
        seller, words = self._seller, self._words
        top = _HEIGHT - 96
        self._canvas.drawImage(logo(), LEFT, top, 50, 50)
        self._sheet.text(LEFT + 62, top + 30, seller["trade_name"], BRAND)
        self._sheet.text(LEFT + 62, top + 15, seller["business_activity"], LABEL)
        self._sheet.text_to(RIGHT, top + 28, words.invoice.upper(), TITLE)
        self._sheet.text_to(RIGHT, top + 10, self._body["number"], NUMBER)
        self._sheet.rule(top - 16, width=1)
        y = top - 38
        town = f"{seller['zip_code']} {seller['city']}, {seller['country']}"
        for text in (seller["legal_name"], seller["address"], town, seller["email"], seller["vat_number"]):
            self._sheet.text(LEFT, y, text, BODY)
            y -= 12
        self._draw_facts(y - 10)
        self._draw_client(top - 38)
        self._sheet.text(LEFT, y - 84, self._body["header"] or "", GREETING)
        self._y = y - 106

    def _draw_facts(self, y: float) -> None:
        body, words = self._body, self._words
        period = f"{day(body['performance_start_date'], words)} \u2013 {day(body['performance_end_date'], words)}"
        facts = [
            (words.issued, day(body["issue_date"], words)),
            (words.due, day(body["due_date"], words)),
            (words.period, period),
            (words.order, body["purchase_order"]),
        ]
        for label, text in facts:
            if text is not None:
                self._sheet.fact(y, label, text)
                y -= 14

    def _draw_client(self, y: float) -> None:
        client, left = self._client, 330.0
        self._sheet.box(left - 14, y - 80, 98, TINT)
        self._sheet.text(left, y, self._words.billed_to, LABEL)
        town = f"{client['zip_code']} {client['city']}, {client['country_code']}"
        self._sheet.text(left, y - 16, SUM.shortened(client["name"], RIGHT - left - 8), SUM)
        y -= 30
        for text in (client["address"], town, client["email"], client["vat_number"]):
            if text is not None:
                self._sheet.text(left, y, BODY.shortened(text, RIGHT - left - 8), BODY)
                y -= 12

    def _draw_rows(self, rows: list[dict[str, Any]]) -> None:
        words, y = self._words, self._y
        self._sheet.box(LEFT, y - 7, 20, ACCENT)
        self._sheet.text(LEFT + 8, y, words.designation, COLUMN)
        for x, label in ((_QUANTITY, words.quantity), (_PRICE, words.unit_price), (_VAT, words.vat)):
            self._sheet.text_to(x, y, label, COLUMN)
        self._sheet.text_to(RIGHT - 8, y, words.amount, COLUMN)
        y -= 24
        for row in rows:
            self._draw_row(row, y)
            y -= _ROW
        self._y = y

    def _draw_row(self, row: dict[str, Any], y: float) -> None:
        words, room = self._words, _QUANTITY - LEFT - 60
        notes = [row["description"]] if row["description"] else []
        if row["discount"]:
            notes.append(f"{words.discount} {percentage(row['discount']['value'], words)}")
        self._sheet.rule(y - 16)
        if not notes:
            y -= 4
        self._sheet.text(LEFT + 8, y, STRONG.shortened(row["title"], room), STRONG)
        self._sheet.text(LEFT + 8, y - 10, FINE.shortened(" · ".join(notes), room + 30), FINE)
        self._sheet.text_to(_QUANTITY, y, f"{row['quantity'].replace('.', words.decimal)} {row['unit']}", BODY)
        self._sheet.text_to(_PRICE, y, amount(row["unit_price"]["value"], self._currency, words), BODY)
        self._sheet.text_to(_VAT, y, percentage(row["vat_rate"], words), BODY)
        self._sheet.text_to(RIGHT - 8, y, amount(row["subtotal"]["value"], self._currency, words), STRONG)

    def _draw_totals(self) -> None:
        words, body, y = self._words, self._body, self._y - 10
        total, vat = Decimal(body["total_amount"]["value"]), Decimal(body["vat_amount"]["value"])
        if self._lines:
            self._sheet.text(LEFT + 8, y, words.vat, LABEL)
            self._sheet.text_to(LEFT + 130, y, words.vat_base, LABEL)
            self._sheet.text_to(LEFT + 220, y, words.vat, LABEL)
        for number, (rate, base, tax) in enumerate(by_vat_rate(self._lines), start=1):
            row = y - 14 * number
            self._sheet.text(LEFT + 8, row, percentage(rate, words), BODY)
            self._sheet.text_to(LEFT + 130, row, amount(base, self._currency, words), BODY)
            self._sheet.text_to(LEFT + 220, row, amount(tax, self._currency, words), BODY)
        left = 350.0
        for label, value in ((words.subtotal, total - vat), (words.vat, vat)):
            self._sheet.text(left, y, label, LABEL)
            self._sheet.text_to(RIGHT - 8, y, amount(value, self._currency, words), GREETING)
            y -= 15
        y -= 7
        self._sheet.box(left - 10, y - 12, 25, TINT)
        self._sheet.text(left, y - 3, words.total, SUM)
        self._sheet.text_to(RIGHT - 8, y - 3, amount(total, self._currency, words), TOTAL)
        if any(line["vat_exemption_reason"] for line in self._lines):
            self._sheet.text(LEFT + 8, y - 14, words.exempt, FINE)
        self._y = y - 36

    def _draw_terms(self) -> None:
        words, body, y = self._words, self._body, self._y - 6
        self._sheet.text(LEFT, y, words.payment, HEADING)
        for method in body["payment_methods"]:
            iban = " ".join("".join(four) for four in batched(method["iban"], 4, strict=False))
            self._sheet.fact(y - 13, words.beneficiary, method["beneficiary_name"])
            self._sheet.fact(y - 26, "IBAN", iban)
            self._sheet.fact(y - 39, "BIC", method["bic"])
            y -= 39
        y -= 20
        for text in filter(None, map(body.get, _TERMS)):
            self._sheet.text(LEFT, y, FINE.shortened(text, RIGHT - LEFT), FINE)
            y -= 10

    def _draw_foot(self, page: int, pages: int) -> None:
        seller, words = self._seller, self._words
        self._sheet.rule(58)
        register = f"{words.registered} {seller['district_court']} {seller['legal_number']}"
        legal = f"{seller['legal_name']} · {register} · {seller['vat_number']}"
        self._sheet.text(LEFT, 45, legal, FOOT)
        made = self._attachment.generated_at.strftime("%Y-%m-%d %H:%M:%S")
        self._sheet.text(LEFT, 35, f"{words.generated} {made} UTC · v{self._attachment.edition}", FOOT)
        self._sheet.text_to(RIGHT, 45, f"{words.page} {page} / {pages}", FOOT)

    def _draw_watermark(self) -> None:
        self._canvas.saveState()
        self._canvas.translate(_WIDTH / 2, _HEIGHT / 2 - 30)
        self._canvas.rotate(52)
        self._canvas.setFillColor(WARNING)
        self._canvas.setFillAlpha(0.11)
        self._canvas.setFont(BOLD, 92)
        self._canvas.drawCentredString(0, -30, self._words.draft)
        self._canvas.restoreState()
