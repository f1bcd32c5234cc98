"""The users who change the organization: by a script that every run has, and by decisions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from qonto_sync.domain.times import to_precise_text, whole_seconds
from tests.simulation.changes import (
    CREATIONS,
    DEAD_FILE,
    DRAFT_ACTIONS,
    EARLY_COMMIT,
    EDITS,
    FINALIZE,
    FINALIZE_LATE,
)
from tests.simulation.decisions import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.simulation.changes import Change
    from tests.simulation.decisions import Decisions
    from tests.simulation.organization import Organization, Version
    from tests.simulation.scheduler import Scheduler
    from tests.simulation.trace import Trace

SMALL, LARGE = 40, 150
"""Bytes of a PDF that fits one part, and of one that takes several."""

_MAX_ACTIONS = 300
"""In one run: each action causes calls, and each call is an occasion for another action."""


@dataclass(frozen=True, slots=True)
class DocumentVariations:
    """Properties of invoices and PDFs that Qonto does not document, so they differ between runs."""

    has_updated_at: bool
    whole_seconds: bool
    """Whether times are rounded down to seconds."""
    repeats_pdfs: bool
    """Whether a PDF that is generated again may have the bytes of an earlier version."""


class Users:
    """Change the organization, by script and by decision."""

    def __init__(
        self,
        organization: Organization,
        scheduler: Scheduler,
        decisions: Decisions,
        trace: Trace,
        variations: DocumentVariations,
        *,
        on_change: Callable[[], None],
        send_webhook: Callable[[str], None],
    ) -> None:
        self._organization = organization
        self._scheduler = scheduler
        self._decisions = decisions
        self._trace = trace
        self._variations = variations
        self._on_change = on_change
        self._send_webhook = send_webhook
        self._uncommitted: dict[str, Callable[[], None]] = {}
        self._may_commit_early: set[str] = set()
        self._attachments: Counter[str] = Counter()
        self._created = 0
        self._actions = 0

    def follow_script(self, start: datetime, invoices: int, *, imported: int, has_dead_file: bool) -> None:
        """Schedules what happens in every run. From seven invoices on, the default run has work of every kind.

        One change is committed late: during the second sync, or after it. So many more invoices are imported in one
        instant, as Qonto's bulk import does, and one with a dead file is created if the world has one.
        """
        for number in range(imported):
            self._scheduler.at(start - timedelta(minutes=100), partial(self._create, f"i{100 + number}", CREATIONS[0]))
        if has_dead_file:
            self._scheduler.at(start - timedelta(minutes=70), partial(self._create, "i99", DEAD_FILE))
        creations = (
            (-180, CREATIONS[0]),
            (-29, CREATIONS[5]),
            (-2.7, CREATIONS[0]),
            (-170, CREATIONS[8]),
            (-160, CREATIONS[9]),
            (-150, CREATIONS[0]),
            (-30, CREATIONS[7]),
            *((-140 + number, CREATIONS[0]) for number in range(invoices - 7)),
        )
        edits = (
            (25, "i1", EDITS[1]),
            (52, "i6", EDITS[8]),
            (58.8, "i3", EDITS[2]),
            (85, "i5", FINALIZE),
        )
        for number, (minutes, change) in enumerate(creations[:invoices], 1):
            self._scheduler.at(start + timedelta(minutes=minutes), partial(self._create, f"i{number}", change))
        for minutes, invoice_id, change in edits:
            self._scheduler.at(start + timedelta(minutes=minutes), partial(self._edit, invoice_id, change))
        self._scheduler.at(start + timedelta(minutes=95), partial(self._delete, "i4"))
        self._created = invoices

    def may_act(self, actor: str, place: str) -> None:
        """Lets a decision choose what a user does at this moment, if anything."""
        if self._actions == _MAX_ACTIONS:
            return
        commits = [commit for id_, commit in self._uncommitted.items() if id_ in self._may_commit_early]
        early = self._decisions.pick(actor, f"{place}, {EARLY_COMMIT}", Kind.USER, 1 + len(commits))
        if early:
            commits[early - 1]()
        actions = len(EDITS) + DRAFT_ACTIONS
        targets = [id_ for id_ in self._organization.live if id_ not in self._uncommitted]
        option = self._decisions.pick(actor, place, Kind.USER, 1 + len(CREATIONS) + actions * len(targets)) - 1
        if option < 0:
            return
        self._actions += 1
        if option < len(CREATIONS):
            self._created += 1
            self._create(f"i{self._created}", CREATIONS[option])
        else:
            target, action = divmod(option - len(CREATIONS), actions)
            self._act_on(targets[target], action)

    def _act_on(self, invoice_id: str, action: int) -> None:
        is_draft = self._organization.live[invoice_id].is_draft
        if action < len(EDITS):
            self._edit(invoice_id, EDITS[action])
        elif is_draft and action == len(EDITS):
            self._delete(invoice_id)
        elif is_draft:
            self._edit(invoice_id, FINALIZE if action == len(EDITS) + 1 else FINALIZE_LATE)

    def _create(self, invoice_id: str, change: Change) -> None:
        now = self._stamp()
        fields: dict[str, Any] = {
            "id": invoice_id,
            "number": f"F-{invoice_id[1:]}",
            "created_at": to_precise_text(now),
            "edits": 0,
            "attachment_id": None,
        }
        self._change(invoice_id, fields, change)

    def _edit(self, invoice_id: str, change: Change) -> None:
        version = self._organization.live.get(invoice_id)
        if version and invoice_id not in self._uncommitted:
            self._change(invoice_id, self._edited(version, change), change)

    def _edited(self, version: Version, change: Change) -> dict[str, Any]:
        if change.is_invisible:
            return version.fields
        versions = self._organization.invoices[version.fields["id"]]
        if change.reverts and len(versions) > 1:
            kept = {name: version.fields[name] for name in ("status", "attachment_id") if version.fields[name]}
            return {**versions[-2].fields, **kept}
        return {**version.fields, "edits": max(known.fields["edits"] for known in versions) + 1}

    def _delete(self, invoice_id: str) -> None:
        version = self._organization.live.get(invoice_id)
        if version and version.is_draft and invoice_id not in self._uncommitted:
            self._log(f"A user deletes draft {invoice_id}")
            self._organization.deleted.add(invoice_id)
            self._on_change()

    def _change(self, invoice_id: str, fields: dict[str, Any], change: Change) -> None:
        self._log(f"A user {change.name} {invoice_id}")
        attachment_id = fields["attachment_id"]
        if attachment_id is None or change.new_attachment:
            self._attachments[invoice_id] += 1
            attachment_id = f"p{invoice_id[1:]}-{self._attachments[invoice_id]}"
        named = change.name_after is None and (change.status is not None or fields["attachment_id"] is not None)
        fields = {
            **fields,
            "status": change.status or fields["status"],
            "attachment_id": attachment_id if named else fields["attachment_id"],
        }
        if change.render_after == 0 and self._organization.file(attachment_id) is None:
            self._render(attachment_id)
        commit = partial(self._commit, invoice_id, fields, self._stamp())
        self._uncommitted[invoice_id] = commit
        if change.commits_early:
            self._may_commit_early.add(invoice_id)
        self._scheduler.after(change.visible_after, partial(self._commit_unless_done, invoice_id, commit))
        if change.webhook:
            self._send_webhook(invoice_id)
        if change.render_after and (named or change.name_after is not None):
            self._scheduler.after(change.render_after, partial(self._render_later, invoice_id, attachment_id, change))
        if change.render_after_commit is not None and named:
            seconds = change.visible_after + change.render_after_commit
            self._scheduler.after(seconds, partial(self._render_later, invoice_id, attachment_id, change))

    def _commit_unless_done(self, invoice_id: str, commit: Callable[[], None]) -> None:
        """The change may have been committed early."""
        if self._uncommitted.get(invoice_id) is commit:
            commit()

    def _commit(
        self, invoice_id: str, fields: dict[str, Any], updated_at: datetime, visible_at: datetime | None = None
    ) -> None:
        if self._variations.has_updated_at:
            fields = {**fields, "updated_at": to_precise_text(updated_at)}
        version = self._organization.put(invoice_id, fields, updated_at, visible_at or self._scheduler.now())
        self._uncommitted.pop(invoice_id, None)
        self._may_commit_early.discard(invoice_id)
        self._log(f"Qonto commits {invoice_id} v{version.number}")
        self._on_change()

    def _render_later(self, invoice_id: str, attachment_id: str, change: Change) -> None:
        """Generates the PDF and, unless the invoice names one already, names it in the invoice."""
        self._render(attachment_id)
        version = self._organization.live.get(invoice_id)
        if version is None or invoice_id in self._uncommitted:
            return
        if version.attachment_id is None or change.touches:
            fields = {**version.fields, "attachment_id": version.attachment_id or attachment_id}
            if change.touches:
                self._commit(invoice_id, fields, self._stamp())
            else:
                self._commit(invoice_id, fields, version.updated_at, version.visible_at)

    def _render(self, attachment_id: str) -> None:
        large = attachment_id.startswith(("p1-", "p6-"))
        self._organization.render(attachment_id, LARGE if large else SMALL, repeats=self._variations.repeats_pdfs)
        self._log(f"Qonto generates {attachment_id} v{len(self._organization.files[attachment_id])}")
        self._on_change()

    def _stamp(self) -> datetime:
        now = self._scheduler.now()
        return whole_seconds(now) if self._variations.whole_seconds else now

    def _log(self, line: str) -> None:
        self._trace.add(self._scheduler.now(), line)
