"""Invoices as PDF, set with reportlab's Platypus."""

import io
from collections.abc import Iterator
from decimal import Decimal
from itertools import batched
from threading import Lock
from typing import Any, override
from xml.sax.saxutils import escape

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    HRFlowable,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from local.qonto_simulator import paper, tables
from local.qonto_simulator.amounts import by_vat_rate
from local.qonto_simulator.formats import amount, day, percentage
from local.qonto_simulator.invoices import Attachment
from local.qonto_simulator.texts import wording

_LEFT, _RIGHT, _FOOT = 48.0, A4[0] - 48.0, 66.0
_WIDTH = _RIGHT - _LEFT
_TERMS = ("terms_and_conditions", "late_payment_penalties", "discount_conditions", "legal_fixed_compensation", "footer")
_rendering = Lock()


def render_pdf(attachment: Attachment) -> bytes:
    """Return the PDF of the edition, always the same bytes."""
    # reportlab keeps fonts per process; two documents at once would mix theirs.
    with _rendering:
        paper.register_fonts()
        return _Document(attachment).render()


class _NumberedCanvas(Canvas):
    """Draws the foot of each page when the number of pages is known."""

    def __init__(self, *arguments: Any, foot: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    @override
    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined] # reportlab's recipe for page numbers, unknown to the stubs

    @override
    def save(self) -> None:
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self._foot(self, number, len(self._pages))
            super().showPage()
        super().save()


class _Document:
    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._body = attachment.printed.body
        self._client: dict[str, Any] = self._body["client"]
        self._seller: dict[str, Any] = self._body["organization"]
        self._lines: list[dict[str, Any]] = self._body["items"] or []
        self._words = wording(self._client["locale"])

    def render(self) -> bytes:
        buffer = io.BytesIO()
        frame = Frame(_LEFT, _FOOT, _WIDTH, A4[1] - _FOOT - 44, 0, 0, 0, 0)
        document = BaseDocTemplate(
            buffer,
            pagesize=A4,
            pageTemplates=[PageTemplate(frames=[frame])],
            title=f"{self._words.invoice} {self._body['number']}",
            author=self._seller["legal_name"],
            invariant=1,
        )
        document.build(
            list(self._story()), canvasmaker=lambda *a, **options: _NumberedCanvas(*a, foot=self._draw_foot, **options)
        )
        return buffer.getvalue()

    def _story(self) -> Iterator[Flowable]:
        yield self._head()
        yield HRFlowable(_WIDTH, 1, color=paper.RULE, spaceBefore=10, spaceAfter=12)
        yield Table([[self._seller_and_facts(), self._client_card()]], [_WIDTH - 250, 250], style=tables.COLUMNS)
        yield Spacer(0, 18)
        yield _text(paper.GREETING, self._body["header"] or "")
        yield Spacer(0, 8)
        yield self._items()
        yield Spacer(0, 10)
        yield KeepTogether([self._totals(), Spacer(0, 14), *self._payment(), Spacer(0, 12), self._terms()])

    def _head(self) -> Table:
        brand = [_text(paper.BRAND, self._seller["trade_name"]), _text(paper.LABEL, self._seller["business_activity"])]
        title = [_text(paper.TITLE, self._words.invoice.upper()), _text(paper.NUMBER, self._body["number"])]
        return Table([[paper.logo(), brand, title]], [62, 240, _WIDTH - 302], style=tables.HEAD)

    def _seller_and_facts(self) -> list[Flowable]:
        seller, body, words = self._seller, self._body, self._words
        town = f"{seller['zip_code']} {seller['city']}, {seller['country']}"
        address = (seller["legal_name"], seller["address"], town, seller["email"], seller["vat_number"])
        period = f"{day(body['performance_start_date'], words)} \u2013 {day(body['performance_end_date'], words)}"
        facts = [
            (words.issued, day(body["issue_date"], words)),
            (words.due, day(body["due_date"], words)),
            (words.period, period),
            (words.order, body["purchase_order"]),
        ]
        known = [fact for fact in facts if fact[1] is not None]
        return [_text(paper.BODY, *address), Spacer(0, 10), _facts(known)]

    def _client_card(self) -> Table:
        client = self._client
        town = f"{client['zip_code']} {client['city']}, {client['country_code']}"
        lines = (client["address"], town, client["email"], client["vat_number"])
        content = [
            _text(paper.LABEL, self._words.billed_to),
            Spacer(0, 3),
            _text(paper.CLIENT, client["name"]),
            _text(paper.BODY, *(line for line in lines if line is not None)),
        ]
        return Table([[content]], [250], style=tables.CARD)

    def _items(self) -> Table:
        words = self._words
        titles = [words.designation, words.quantity, words.unit_price, words.vat, words.amount]
        rows = [self._row(line) for line in self._lines]
        return Table([titles, *rows], [_WIDTH - 295, 75, 85, 45, 90], style=tables.LINES, repeatRows=1, hAlign="LEFT")

    def _row(self, line: dict[str, Any]) -> list[Any]:
        words, currency = self._words, self._body["currency"]
        notes = [line["description"]] if line["description"] else []
        if line["discount"]:
            notes.append(f"{words.discount} {percentage(line['discount']['value'], words)}")
        fine = f"<br/><font size=7 color={paper.MUTED.hexval()}>{escape(' · '.join(notes))}</font>" if notes else ""
        return [
            Paragraph(f"<b>{escape(line['title'])}</b>{fine}", paper.BODY),
            f"{line['quantity'].replace('.', words.decimal)} {line['unit']}",
            amount(line["unit_price"]["value"], currency, words),
            percentage(line["vat_rate"], words),
            amount(line["subtotal"]["value"], currency, words),
        ]

    def _totals(self) -> Table:
        words, body, currency = self._words, self._body, self._body["currency"]
        total, vat = Decimal(body["total_amount"]["value"]), Decimal(body["vat_amount"]["value"])
        sums = [(words.subtotal, total - vat), (words.vat, vat), (words.total, total)]
        right = Table([(label, amount(value, currency, words)) for label, value in sums], [100, 90], style=tables.SUMS)
        left: list[Flowable] = []
        if self._lines:
            rates = [
                (percentage(rate, words), amount(base, currency, words), amount(tax, currency, words))
                for rate, base, tax in by_vat_rate(self._lines)
            ]
            head = (words.vat, words.vat_base, words.vat)
            left.append(Table([head, *rates], [50, 90, 90], style=tables.RATES, hAlign="LEFT"))
        if any(line["vat_exemption_reason"] for line in self._lines):
            left += [Spacer(0, 6), _text(paper.FINE, words.exempt)]
        return Table([[left, right]], [_WIDTH - 190, 190], style=tables.BELOW)

    def _payment(self) -> Iterator[Flowable]:
        yield _text(paper.HEADING, self._words.payment)
        yield Spacer(0, 3)
        for method in self._body["payment_methods"]:
            iban = " ".join("".join(four) for four in batched(method["iban"], 4, strict=False))
            yield _facts(
                [(self._words.beneficiary, method["beneficiary_name"]), ("IBAN", iban), ("BIC", method["bic"])]
            )

    def _terms(self) -> Paragraph:
        return _text(paper.FINE, *filter(None, map(self._body.get, _TERMS)))

    def _draw_foot(self, canvas: Canvas, page: int, pages: int) -> None:
        seller, words = self._seller, self._words
        canvas.setStrokeColor(paper.RULE)
        canvas.setLineWidth(0.6)
        canvas.line(_LEFT, 58, _RIGHT, 58)
        canvas.setFillColor(paper.MUTED)
        canvas.setFont(paper.REGULAR, 6.5)
        register = f"{words.registered} {seller['district_court']} {seller['legal_number']}"
        canvas.drawString(_LEFT, 45, f"{seller['legal_name']} · {register} · {seller['vat_number']}")
        made = self._attachment.generated_at.strftime("%Y-%m-%d %H:%M:%S")
        canvas.drawString(_LEFT, 35, f"{words.generated} {made} UTC · v{self._attachment.edition}")
        canvas.drawRightString(_RIGHT, 45, f"{words.page} {page} / {pages}")
        if self._attachment.printed.is_draft:
            canvas.translate(A4[0] / 2, A4[1] / 2 - 30)
            canvas.rotate(52)
            canvas.setFillColor(paper.WARNING, alpha=0.11)
            canvas.setFont(paper.BOLD, 92)
            canvas.drawCentredString(0, -30, words.draft)


def _text(style: ParagraphStyle, *lines: Any) -> Paragraph:
    return Paragraph("<br/>".join(escape(str(line)) for line in lines), style)


def _facts(rows: list[tuple[str, Any]]) -> Table:
    """Labels, and what they stand for."""
    return Table(rows, [96, 180], style=tables.FACTS, hAlign="LEFT")
