"""invoices.csv, line_items.csv and invoices.xlsx.

Amounts are the texts that Qonto sent; in the workbook they are numbers, and dates are dates. Texts from outside are
never formulas: in the workbook by their type, in the CSV files by an apostrophe before what a spreadsheet would take
for one.
"""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import xlsxwriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

type Row = Mapping[str, str]

INVOICE_COLUMNS: Final = (
    *("issue_date", "number", "client_name", "status", "currency", "total_amount", "vat_amount", "due_date", "paid_at"),
    *("invoice_type", "client_vat_number", "credit_note_ids", "file_name", "state", "reason", "invoice_id"),
    *("created_at", "updated_at", "file_sha256"),
)
_SHEET_COLUMNS: Final = INVOICE_COLUMNS[:13]
"""What a person reads; the CSV file has all."""
LINE_COLUMNS: Final = (
    *("issue_date", "number", "client_name", "position", "title", "description", "quantity", "unit", "currency"),
    *("unit_price", "vat_rate", "discount", "subtotal", "vat_amount", "total_amount", "invoice_id"),
)
_DATES: Final = frozenset({"issue_date", "due_date", "paid_at", "created_at", "updated_at"})
_NUMBERS: Final = frozenset(
    {"total_amount", "vat_amount", "quantity", "unit_price", "vat_rate", "discount", "subtotal", "position", "invoices"}
)
_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?")
_MOST_DIGITS: Final = 15
"""More, a spreadsheet rounds."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_CELL: Final = 32_000
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_WIDTHS: Final = {
    **dict.fromkeys(("client_name", "title", "description"), 32),
    **dict.fromkeys(("number", "client_vat_number"), 18),
    "file_name": 52,
    "invoice_id": 38,
    "credit_note_ids": 16,
    "invoice_type": 13,
    "total_amount": 14,
}
"""Characters; other columns have 12."""


def line_items(row: Row, document: bytes) -> Iterator[dict[str, str]]:
    """The lines of an invoice's JSON; what is missing or of another type is empty."""
    try:
        fields = json.loads(document.decode("utf-8", "replace"), parse_float=str, parse_int=str, strict=False)
    except (ValueError, RecursionError):
        return
    items = fields.get("items") if isinstance(fields, dict) else None
    for position, item in enumerate(items if isinstance(items, list) else [], 1):
        if isinstance(item, dict):
            yield {
                **{name: row[name] for name in ("issue_date", "number", "client_name", "currency", "invoice_id")},
                **{name: _text(item.get(name)) for name in ("title", "description", "quantity", "unit", "vat_rate")},
                "position": str(position),
                "unit_price": _value(item.get("unit_price")),
                "discount": _value(_field(item.get("discount"), "amount")),
                "subtotal": _value(item.get("subtotal")),
                "vat_amount": _value(item.get("total_vat")),
                "total_amount": _value(item.get("total_amount")),
            }


def csv_bytes(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """RFC 4180 in UTF-8, with the mark by which Excel recognizes it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_harmless(name, row[name]) for name in columns] for row in rows)
    return text.getvalue().encode("utf-8-sig", "replace")


def write_workbook(path: Path, invoices: Sequence[Row], lines: Iterable[Row], *, made_at: datetime) -> None:
    """The same rows make the same file."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as workbook:
        workbook.set_properties({"title": "Invoices", "created": made_at.replace(tzinfo=None)})
        formats = {
            "header": workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#F2F2F2"}),
            "number header": workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#F2F2F2", "align": "right"}),
            "date": workbook.add_format({"num_format": "yyyy-mm-dd", "align": "left", "indent": 1}),
            "money": workbook.add_format({"num_format": "#,##0.00"}),
            "number": workbook.add_format({"num_format": "0.######"}),
        }
        _sheet(workbook.add_worksheet("Invoices"), _SHEET_COLUMNS, invoices, formats)
        _sheet(workbook.add_worksheet("Line items"), LINE_COLUMNS, lines, formats)
        _sheet(workbook.add_worksheet("Totals"), _TOTALS, _totals(invoices), formats)


_TOTALS: Final = ("currency", "status", "invoices", "total_amount", "vat_amount")


def _totals(invoices: Iterable[Row]) -> Iterator[dict[str, str]]:
    sums: dict[tuple[str, str], tuple[int, Decimal, Decimal]] = {}
    for row in invoices:
        total, vat = (Decimal(row[name]) if _NUMBER.fullmatch(row[name]) else Decimal(0) for name in _TOTALS[3:])
        for status in (row["status"], "all"):
            known = sums.get((row["currency"], status), (0, Decimal(0), Decimal(0)))
            sums[row["currency"], status] = (known[0] + 1, known[1] + total, known[2] + vat)
    for (currency, status), (count, total, vat) in sorted(sums.items()):
        values = (currency, status, str(count), str(total), str(vat))
        yield dict(zip(_TOTALS, values, strict=True))


def _sheet(sheet: Any, columns: Sequence[str], rows: Iterable[Row], formats: Mapping[str, Any]) -> None:
    for column, name in enumerate(columns):
        sheet.set_column(column, column, _WIDTHS.get(name, 12))
    for column, name in enumerate(columns):
        header = formats["number header" if name in _NUMBERS else "header"]
        sheet.write_string(0, column, name.replace("_", " "), header)
    sheet.freeze_panes(1, 0)
    # Printed: A4 across, as wide as the table, the header on each page.
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    last = 0
    for last, row in enumerate(rows, 1):
        for column, name in enumerate(columns):
            _cell(sheet, last, column, name, row[name], formats)
    sheet.autofilter(0, 0, last, len(columns) - 1)


def _cell(sheet: Any, line: int, column: int, name: str, text: str, formats: Mapping[str, Any]) -> None:  # noqa: PLR0917 - a place and what is there
    day = _day(text) if name in _DATES else None
    if day:
        sheet.write_datetime(line, column, day, formats["date"])
    elif name in _NUMBERS and _is_exact(text):
        is_money = name not in {"quantity", "vat_rate", "position", "invoices"}
        sheet.write_number(line, column, float(text), formats["money" if is_money else "number"])
    elif text:
        sheet.write_string(line, column, _CONTROL.sub("", text)[:_LONGEST_CELL])


def _is_exact(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and sum(each.isdigit() for each in text) <= _MOST_DIGITS


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    # The first year of a spreadsheet.
    return day if day.year >= 1900 else None  # noqa: PLR2004


def _harmless(name: str, text: str) -> str:
    is_formula = text.startswith(_FORMULA) and not (name in _NUMBERS and _NUMBER.fullmatch(text))
    return f"'{text}" if is_formula else text


def _value(money: object) -> str:
    return _text(_field(money, "value"))


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
