"""A period as one ZIP: which invoices, their names, the tables, and what stops it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import unicodedata
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, override

import boto3
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.aws import ACCESS_KEY, REGION
from operations.archives import Bucket
from operations.aws import OperationFailed
from operations.cli import main
from operations.export.download import Wanted, download
from operations.export.names import LONGEST_NAME, file_names
from operations.export.tables import csv_bytes, line_items
from tests.archives import VersionedObjects
from tests.unit.conftest import World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.operations.conftest import Operator

HOSTILE = "=1+1"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of a bucket with invoices of March, the last one of a client with a hostile name, and one of April."""
    world = World()
    for number in range(4):
        world.qonto.put(
            f"i{number}",
            number=f"F-{number}",
            issue_date=f"2026-03-0{number + 1}",
            currency="EUR",
            total_amount={"value": "1200.50", "currency": "EUR"},
            client={"name": HOSTILE if number == 3 else "Café / Söhne"},
            items=[{"title": "Work", "quantity": "2", "unit_price": {"value": "600.25"}, "total_vat": None}],
        )
    world.qonto.put("draft", status="draft", issue_date="2026-03-05")
    world.qonto.put("april", number="F-9", issue_date="2026-04-01")
    for _ in range(2):
        world.clock.advance(days=40)
        world.sync()
        world.reconcile()
    for key in world.archive.versions:
        path = tmp_path / "copy" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(world.archive.content(key))
    return tmp_path / "copy"


def export(copy: Path, *options: str, month: str = "2026-03") -> tuple[int, zipfile.ZipFile | None]:
    """The exit status, and the ZIP if there is one."""
    target = copy.parent / "out.zip"
    status = main(["export", "--folder", str(copy), "--month", month, "--output", str(target), *options])
    return status, zipfile.ZipFile(target) if target.exists() else None


def table(found: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(found.read(name).decode("utf-8-sig"), newline="")))


def test_a_month_is_one_zip(copy: Path) -> None:
    """Files by date, number and client; tables; a page; and the hash of each member."""
    status, found = export(copy)
    assert status == 0
    assert found
    assert found.namelist() == [
        *(f"2026-03-0{number}_F-{number - 1}_Café-Söhne.pdf" for number in (1, 2, 3)),
        "2026-03-04_F-3_=1+1.pdf",
        *("invoices.csv", "line_items.csv", "invoices.xlsx", "index.html", "MANIFEST.sha256"),
    ]
    for line in found.read("MANIFEST.sha256").decode().splitlines():
        sha256, name = line.split("  ")
        assert hashlib.sha256(found.read(name)).hexdigest() == sha256
    rows = table(found, "invoices.csv")
    assert [row["file_name"] for row in rows] == found.namelist()[:4]
    assert (rows[0]["total_amount"], rows[3]["client_name"]) == ("1200.50", f"'{HOSTILE}")
    (each, *_) = table(found, "line_items.csv")
    assert (each["number"], each["title"], each["unit_price"], each["vat_amount"]) == ("F-0", "Work", "600.25", "")
    assert not list(copy.parent.glob("out.zip.*"))


def test_the_workbook_has_dates_and_numbers_and_no_formula(copy: Path) -> None:
    """A text is never taken for a formula, whatever it begins with."""
    _, found = export(copy)
    assert found
    book = openpyxl.load_workbook(io.BytesIO(found.read("invoices.xlsx")))
    first, last = book["Invoices"][2], book["Invoices"][5]
    assert first[0].value == datetime(2026, 3, 1)  # noqa: DTZ001 - a spreadsheet has no time zones
    assert first[5].value == 1200.5
    assert (last[2].value, last[2].data_type) == (HOSTILE, "s")
    totals = [[cell.value for cell in row] for row in book["Totals"].iter_rows(min_row=2)]
    assert totals == [["EUR", "all", 4, 4802, 0], ["EUR", "unpaid", 4, 4802, 0]]


def test_the_same_archive_makes_the_same_zip(copy: Path) -> None:
    """Byte for byte."""
    export(copy)
    first = (copy.parent / "out.zip").read_bytes()
    assert export(copy, "--force")[0] == 0
    assert (copy.parent / "out.zip").read_bytes() == first


def test_drafts_are_exported_if_they_are_named(copy: Path) -> None:
    """By their status."""
    _, found = export(copy, "--status", "draft")
    assert found
    assert [row["invoice_id"] for row in table(found, "invoices.csv")] == ["draft"]


def test_days_may_be_named(copy: Path) -> None:
    """Both are included."""
    target = copy.parent / "days.zip"
    days = ["--from", "2026-03-02", "--to", "2026-03-03"]
    assert main(["export", "--folder", str(copy), *days, "--output", str(target)]) == 0
    assert len(table(zipfile.ZipFile(target), "invoices.csv")) == 2


def test_an_existing_file_is_kept(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless --force is said."""
    (copy.parent / "out.zip").write_bytes(b"mine")
    target = ["--output", str(copy.parent / "out.zip")]
    assert main(["export", "--folder", str(copy), "--month", "2026-03", *target]) == 2
    assert "which exists: say --force" in capsys.readouterr().err
    assert (copy.parent / "out.zip").read_bytes() == b"mine"


def test_a_file_that_differs_stops_it_and_the_rest_is_kept_for_the_next_try(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its key and its invoice; no ZIP is there."""
    path = next(copy.glob("**/i2/*.pdf"))
    right = path.read_bytes()
    path.write_bytes(b"tampered")
    status, found = export(copy)
    assert (status, found) == (1, None)
    said = capsys.readouterr().err
    assert path.relative_to(copy).as_posix() in said
    assert "of invoice F-2 is not as it was certified" in said
    kept = {each.name for each in (copy.parent / "out.zip.parts").iterdir()}
    assert hashlib.sha256(next(copy.glob("**/i1/*.pdf")).read_bytes()).hexdigest() in kept
    path.write_bytes(right)
    assert export(copy)[0] == 0


class CountedObjects(VersionedObjects):
    """Counts what is fetched."""

    fetched = 0

    @override
    def fetch(self, key: str, sha256: str, to: BinaryIO) -> bool:
        self.fetched += 1
        return super().fetch(key, sha256, to)


def test_what_was_fetched_is_checked_and_not_fetched_again(tmp_path: Path) -> None:
    """What is damaged on the disk is."""
    archive, sha256 = CountedObjects("default", {"k": [b"content"]}), hashlib.sha256(b"content").hexdigest()

    def attempt() -> int:
        download(archive, [Wanted("k", sha256, "invoice F-2")], tmp_path, lambda _: None)
        return archive.fetched

    assert [attempt(), attempt()] == [1, 1]
    (tmp_path / sha256).write_bytes(b"damaged")
    assert attempt() == 2
    assert (tmp_path / sha256).read_bytes() == b"content"


@pytest.mark.parametrize(
    ("damage", "doubt"),
    [
        (lambda copy: (copy / "default/inventory/certificate.json").unlink(), "there is no certificate"),
        (lambda copy: (copy / "default/inventory/2026/03.csv").write_bytes(b"x"), "is not the one that was certified"),
        (lambda copy: (copy / "default/inventory/2026/03.csv").unlink(), "03.csv is not there"),
    ],
)
def test_what_is_not_certified_is_exported_only_on_demand(
    copy: Path, damage: Any, doubt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the error says why."""
    damage(copy)
    assert export(copy) == (1, None)
    said = capsys.readouterr().err
    assert doubt in said
    assert "--uncertified" in said


def test_a_zip_that_is_not_certified_says_so(copy: Path) -> None:
    """In a file of its own: a month that is not over."""
    path = copy / "default/inventory/certificate.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"window": {"to": "2026-03-20T00:00:00Z"}}))
    assert export(copy)[0] == 1
    status, found = export(copy, "--uncertified")
    assert status == 0
    assert found
    assert found.read("UNCERTIFIED.txt").startswith(b"the period ends after what the certificate covers")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Say either --month, or --from and --to"),
        (["--month", "2026-13"], "--month is '2026-13'"),
        (["--from", "2026-02-30", "--to", "2026-03-01"], "--from is '2026-02-30'"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "must not be after --to"),
        (["--month", "2026-03", "--folder", "no/such"], "--folder is 'no/such'"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit status 2."""
    assert main(["export", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_an_older_version_is_exported_if_it_is_the_certified_one(newcomer: Operator) -> None:
    """An invoice may have changed since the last night."""
    s3 = newcomer.session.client("s3")
    s3.create_bucket(Bucket="books", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="books", VersioningConfiguration={"Status": "Enabled"})
    for content in (b"first", b"certified", b"newer"):
        s3.put_object(Bucket="books", Key="k", Body=content)
    s3.put_object(Bucket="books", Key="k2", Body=b"certified")
    session = boto3.Session(ACCESS_KEY, ACCESS_KEY, region_name=REGION)
    bucket, found = Bucket(session, "books", "default"), io.BytesIO()
    assert bucket.fetch("k", hashlib.sha256(b"certified").hexdigest(), found)
    assert found.getvalue() == b"certified"
    assert not bucket.fetch("k", hashlib.sha256(b"never").hexdigest(), io.BytesIO())


rows = st.fixed_dictionaries(
    {
        "issue_date": st.sampled_from(["2026-03-01", "", "x/y"]),
        "created_at": st.sampled_from(["2026-03-02T00:00:00Z", ""]),
        "number": st.text(max_size=200),
        "client_name": st.text(max_size=300)
        | st.sampled_from(["CON", "é" * 200, "e\u0301" * 150, "\u202egnp", ".", "\x00"]),
        "extension": st.sampled_from(["pdf", "xml", "PDF/..", ""]),
    }
)


@given(st.lists(rows, max_size=8))
def test_every_name_is_a_valid_one(found: list[dict[str, str]]) -> None:
    """On Windows, macOS and Linux, whatever the texts are; and no two are the same."""
    named = [row | {"file_key": f"k/{number}.{row['extension']}"} for number, row in enumerate(found)]
    names = list(file_names(named).values())
    assert len({unicodedata.normalize("NFC", name.casefold()) for name in names}) == len(found)
    for name in names:
        assert 0 < len(name) <= LONGEST_NAME
        assert len(name.encode()) <= 255
        assert not set(name) & set('<>:"/\\|?*')
        assert not [each for each in name if unicodedata.category(each)[0] == "C"]
        assert name[-1] not in ". "
        assert name.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}
    assert list(file_names(named).values()) == names


@pytest.mark.parametrize("document", [b"", b"[]", b"{", b'{"items": null}', b'{"items": [1, {}]}', b"[" * 100_000])
def test_an_odd_document_has_no_lines_that_cannot_be_read(document: bytes) -> None:
    """And stops nothing."""
    row = dict.fromkeys(("issue_date", "number", "client_name", "currency", "invoice_id"), "")
    for line in line_items(row, document):
        assert line["total_amount"] == ""


def test_texts_are_no_formulas_and_amounts_stay_amounts() -> None:
    """In a CSV file, which a spreadsheet opens without asking."""
    row = {"client_name": "@SUM(A1)", "total_amount": "-12.50", "vat_amount": "-cmd|x"}
    assert (
        csv_bytes(tuple(row), [row])
        == "\ufeffclient_name,total_amount,vat_amount\r\n'@SUM(A1),-12.50,'-cmd|x\r\n".encode()
    )


def test_the_time_of_the_members_is_that_of_the_certificate(copy: Path) -> None:
    """Not that of the export."""
    _, found = export(copy)
    assert found
    certified = json.loads((copy / "default/inventory/certificate.json").read_bytes())["reconciled_at"]
    assert {each.date_time for each in found.infolist()} == {datetime.fromisoformat(certified).timetuple()[:6]}


def test_equal_files_are_fetched_once(copy: Path) -> None:
    """And both are in the ZIP."""
    _, found = export(copy)
    assert found
    rows = copy / "default/inventory/2026/03.csv"
    content = rows.read_text()
    first, second = (row["file_sha256"] for row in table(found, "invoices.csv")[:2])
    files = [next(copy.glob(f"**/i{number}/*.pdf")) for number in range(2)]
    files[1].write_bytes(files[0].read_bytes())
    rows.write_text(content.replace(second, first))
    status, again = export(copy, "--force", "--uncertified")
    assert status == 0
    assert again
    names = again.namelist()
    assert again.read(names[0]) == again.read(names[1])


def test_a_key_that_controls_a_terminal_is_shown_as_a_text(tmp_path: Path) -> None:
    """An inventory may be forged."""
    archive = VersionedObjects("default", {})
    with pytest.raises(OperationFailed) as refused:
        download(archive, [Wanted("\x1b[2J[/red]", "0" * 64, "invoice 1")], tmp_path, lambda _: None)
    assert "\x1b" not in str(refused.value)
