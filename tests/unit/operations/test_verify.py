"""The second reader: what it finds in a copy of an archive that somebody has been at."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from operations.archives import Folder
from operations.cli import main
from operations.verify import verify
from tests.unit.conftest import World
from tests.unit.usecases.test_reconcile_run import CERTIFICATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from operations.verify import Verdict

INVENTORY = "default/inventory/2026/03.csv"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of a bucket with two certificates, as `aws s3 sync` makes it; the older one was fetched beside it."""
    world = World()
    for number in range(9):
        world.qonto.put(f"i{number}", number=f"F-{number}")
    for _ in range(2):
        world.clock.advance(days=1)
        world.sync()
        world.reconcile()
    older, newer = (each.content for each in world.archive.versions[CERTIFICATE])
    for key in world.archive.versions:
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(world.archive.content(key))
    assert json.loads(newer)["version"] == 2
    (tmp_path / "default/inventory/certificate-1.json").write_bytes(older)
    return tmp_path


def verdict_of(folder: Path) -> Verdict:
    """What the second reader says of it."""
    return verify(Folder(folder, "default"), lambda _done, _total: None)


def some(folder: Path, pattern: str) -> Path:
    """One of the files."""
    return min(folder.glob(f"default/client_invoices/**/{pattern}"))


def test_what_is_as_it_was_certified_is_good(copy: Path) -> None:
    """Every object is compared, and the chain goes back to the first certificate."""
    verdict = verdict_of(copy)
    assert verdict.is_good
    assert (verdict.version, verdict.certificates, verdict.objects, verdict.notes) == (2, 2, 18, [])


def delete(path: Path) -> None:
    """Removes a file."""
    path.unlink()


def overwrite(path: Path) -> None:
    """Changes one byte."""
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


@pytest.mark.parametrize("pattern", ["*.json", "*.pdf"])
@pytest.mark.parametrize(
    ("change", "what"), [(delete, "it is not there"), (overwrite, "its hash is not the one of the inventory")]
)
def test_a_changed_object_is_named(copy: Path, pattern: str, change: Callable[[Path], None], what: str) -> None:
    """By its key, and no other is."""
    path = some(copy, pattern)
    change(path)
    assert verdict_of(copy).differences == [(path.relative_to(copy).as_posix(), what)]


@pytest.mark.parametrize(
    ("change", "what"), [(delete, "it is not there"), (overwrite, "its hash is not the one of the certificate")]
)
def test_a_changed_inventory_is_named(copy: Path, change: Callable[[Path], None], what: str) -> None:
    """Nothing that it says counts then."""
    change(copy / INVENTORY)
    verdict = verdict_of(copy)
    assert verdict.differences == [(INVENTORY, what)]
    assert verdict.objects == 0


def test_a_changed_certificate_breaks_the_chain(copy: Path) -> None:
    """An older one does not have the hash that the next one names."""
    older = copy / "default/inventory/certificate-1.json"
    older.write_text(older.read_text().replace('"repaired": 0', '"repaired": 1'))
    assert verdict_of(copy).differences == [(CERTIFICATE, "version 2 does not follow version 1 as it is")]


def test_an_inventory_that_was_changed_with_its_certificate_is_found_by_the_objects(copy: Path) -> None:
    """Whoever forges both has to forge all objects, and the next certificates."""
    inventory, certificate = copy / INVENTORY, copy / CERTIFICATE
    before = inventory.read_bytes()
    rows = before.split(b"\r\n")
    cells = rows[1].split(b",")
    cells[20] = b"0" * 64
    rows[1] = b",".join(cells)
    inventory.write_bytes(b"\r\n".join(rows))
    old, new = (hashlib.sha256(content).hexdigest() for content in (before, inventory.read_bytes()))
    certificate.write_text(certificate.read_text().replace(old, new))
    assert len(verdict_of(copy).differences) == 1


def test_objects_in_no_inventory_are_noted(copy: Path) -> None:
    """They may be newer than the certificate."""
    path = some(copy, "*.pdf")
    (path.parent / "other.pdf").write_bytes(b"%PDF-1.7")
    verdict = verdict_of(copy)
    assert verdict.is_good
    assert verdict.notes == ["1 objects are in no inventory: newer than the certificate, or replaced attachments"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"version": "2"}', b"\xff"])
def test_what_is_no_certificate_is_told(copy: Path, content: bytes) -> None:
    """The one before is checked then, and the archive does not count as good."""
    (copy / CERTIFICATE).write_bytes(content)
    verdict = verdict_of(copy)
    assert verdict.version == 1
    assert verdict.differences == [(CERTIFICATE, "1 of its versions are no certificates")]


def test_what_was_written_over_a_certificate_is_noted_once_the_chain_goes_on(copy: Path) -> None:
    """The next certificate follows the right one, so nothing is lost."""
    folder = copy / "default/inventory"
    older = json.loads((folder / "certificate-1.json").read_bytes())
    (folder / "certificate-1b.json").write_text(json.dumps(older | {"reconciled_at": "2026-01-01T00:00:00Z"}))
    (folder / "certificate-1c.json").write_text("somebody else's")
    verdict = verdict_of(copy)
    assert (verdict.is_good, verdict.version, verdict.certificates) == (True, 2, 2)
    assert verdict.notes == [
        "version 1 of the certificate was written over, and the chain goes on without",
        f"{CERTIFICATE}: 1 of its versions are no certificates",
    ]
    (folder / "certificate-1.json").unlink()
    assert [what for _, what in verdict_of(copy).differences] == ["version 2 does not follow version 1 as it is"]


def test_an_older_certificate_cannot_pass_for_the_last_one(copy: Path) -> None:
    """Its version says nothing against the place where it lies."""
    path = copy / "default/inventory/certificate-1.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 9'))
    (_, what), *_ = verdict_of(copy).differences
    assert what == "it is of version 2, and there is an older one of version 9"


def test_two_last_certificates_are_a_difference(copy: Path) -> None:
    """Nobody can tell which of them is right."""
    folder = copy / "default/inventory"
    last = json.loads((copy / CERTIFICATE).read_bytes())
    (folder / "certificate-2.json").write_text(json.dumps(last | {"gaps": []}))
    assert verdict_of(copy).differences == [(CERTIFICATE, "there are 2 of version 2")]


def test_a_forged_inventory_reads_nothing_outside_the_folder(
    copy: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its keys are paths, and hostile."""
    secret = tmp_path_factory.mktemp("outside") / "secret"
    secret.write_text("secret")
    folder = Folder(copy, "default")
    key = f"../{secret.parent.name}/secret"
    assert (copy / key).resolve().is_file()
    assert (folder.find(key), folder.content(key)) == (None, None)
    assert (folder.find("a\0b"), folder.content("a\0b")) == (None, None)


def test_a_folder_without_certificates_is_not_good(tmp_path: Path) -> None:
    """Nothing could be checked."""
    assert verdict_of(tmp_path).differences == [(CERTIFICATE, "there is no certificate")]


def test_the_command_says_it_in_a_line(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And its exit status is 0."""
    assert main(["verify", "--folder", str(copy)]) == 0
    assert "As certified. Certificate 2 of 2026-03-03T" in capsys.readouterr().out


def test_the_command_lists_what_differs(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a table, with the exit status 1."""
    path = some(copy, "*.pdf")
    delete(path)
    assert main(["verify", "--folder", str(copy)]) == 1
    printed = capsys.readouterr()
    assert path.relative_to(copy).as_posix() in printed.out
    assert printed.err.startswith("1 difference. Certificate 2 of ")


def test_a_key_is_shown_as_a_text(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever an inventory that somebody forged has in it."""
    path = copy / INVENTORY
    forged = path.read_bytes().replace(b"default/client_invoices", b"[/red]\x1b[2J")
    path.write_bytes(forged)
    certificate = copy / CERTIFICATE
    fields = json.loads(certificate.read_bytes())
    fields["months"][0]["sha256"] = hashlib.sha256(forged).hexdigest()
    certificate.write_text(json.dumps(fields))
    assert main(["verify", "--folder", str(copy)]) == 1
    said = capsys.readouterr().out
    assert "[/red]\\x1b[2J" in said
    assert "\x1b[2J" not in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--folder", "no/such/folder"], "--folder is 'no/such/folder', which is no folder"),
        (["--folder", ".", "--connection", "a/b"], "NAME is 'a/b'"),
    ],
)
def test_wrong_arguments_are_told(capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str) -> None:
    """With the exit status 2."""
    assert main(["verify", *arguments]) == 2
    assert complaint in capsys.readouterr().err
