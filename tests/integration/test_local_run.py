"""`make run`, without the terminal: two runs in one folder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from local.organization import real, simulated
from local.qonto_simulator import Simulator, World
from local.run import LocalRun
from local.saved_state import SavedState
from local.screen import Screen

if TYPE_CHECKING:
    from pathlib import Path

    from local.organization import Opening


def run(folder: Path, opening: Opening, capsys: pytest.CaptureFixture[str]) -> str:
    """What a person sees of one run."""
    LocalRun(Screen(), folder).execute(opening, {})
    return capsys.readouterr().out


def files(folder: Path) -> dict[str, bytes]:
    """Everything in the archive, by its key."""
    archive = SavedState(folder).archive
    return {str(path.relative_to(archive)): path.read_bytes() for path in archive.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_second_run_goes_on_an_hour_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first fills the folder, the second brings what changed in that hour, and nothing is fetched twice.

    What somebody edited for a webhook to tell is still edited in the second.
    """
    opening = simulated(invoices=60, fault_rate=0.0)
    first = run(tmp_path, opening, capsys)
    assert '"checkpoint": {"version": 1,' in first
    assert "60 invoices and" in first
    assert "byte for byte the same" in first
    assert "after the edit, without an hourly run" in first
    before = files(tmp_path)

    second = run(tmp_path, opening, capsys)
    assert '"checkpoint": {"version": 2,' in second
    assert "byte for byte the same" in second
    after = files(tmp_path)
    assert before.keys() <= after.keys()
    changed = {key for key in after if before.get(key) != after[key]}
    assert 0 < len(changed) < len(after) / 2
    for agreed in ("30 days, as agreed", "31 days, as agreed"):
        assert any(agreed.encode() in content for key, content in after.items() if key.endswith(".json"))


@pytest.mark.slow
def test_a_real_account_takes_real_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same job with a login and a key of one's own; here the account is a simulator."""
    now = datetime.now(UTC)
    with Simulator(World(3, now, lambda: datetime.now(UTC), invoices=5, activity=0)) as account:
        environment = {"QONTO_API_URL": account.api_url, "ATTACHMENT_HOSTS": account.files_origin}
        opening = real(account.login, account.secret_key, environment, sleep=lambda _: None)
        shown = run(tmp_path, opening, capsys)
        documents = {account.world.document(id_) for id_ in account.world.invoice_ids()}
    assert '"archived": 5' in shown
    assert account.secret_key not in shown
    stored = files(tmp_path)
    assert {stored[key] for key in stored if key.endswith("invoice.json")} == documents
