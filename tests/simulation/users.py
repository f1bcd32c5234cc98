"""Those who change the organization: a script that every run has, and what they do besides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from qonto_sync.domain.times import to_precise_text, whole_seconds
from tests.simulation.changes import CREATIONS, EDITS, FINALIZE, FINALIZE_LATE, HELD, OTHER_ACTS
from tests.simulation.decisions import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.simulation.changes import Change
    from tests.simulation.decisions import Decisions
    from tests.simulation.organization import Organization, Version
    from tests.simulation.scheduler import Scheduler
    from tests.simulation.story import Story

SMALL, LARGE = 40, 150
"""Bytes of a PDF that fits one part, and of one that takes several."""

_MOST_ACTS = 300
"""Each makes work, and work gives occasion to more."""


@dataclass(frozen=True, slots=True)
class Clerk:
    """How this source makes its documents."""

    tells_updated_at: bool
    whole_seconds: bool
    repeats_pdfs: bool
    """Whether a PDF that is made anew may have the bytes of an earlier one."""


class Users:
    """Change the organization, by script and by decision."""

    def __init__(
        self,
        organization: Organization,
        scheduler: Scheduler,
        decisions: Decisions,
        story: Story,
        clerk: Clerk,
        *,
        changed: Callable[[], None],
        webhook: Callable[[str], None],
    ) -> None:
        self._organization = organization
        self._scheduler = scheduler
        self._decisions = decisions
        self._story = story
        self._clerk = clerk
        self._changed = changed
        self._webhook = webhook
        self._uncommitted: dict[str, Callable[[], None]] = {}
        self._held: set[str] = set()
        self._attachments: Counter[str] = Counter()
        self._made = 0
        self._acts = 0

    def follow_script(self, start: datetime, invoices: int) -> None:
        """What happens in every run: with seven invoices or more, a calm one has all kinds of work to do.

        One change is committed late, in the course of the second sync or after it.
        """
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
        self._made = invoices

    def interlude(self, actor: str, place: str) -> None:
        """Someone may do something at this very moment, if there was not enough of that already."""
        if self._acts == _MOST_ACTS:
            return
        held = [commit for id_, commit in self._uncommitted.items() if id_ in self._held]
        now = self._decisions.pick(actor, f"{place}, {HELD}", Kind.USER, 1 + len(held))
        if now:
            held[now - 1]()
        acts = len(EDITS) + OTHER_ACTS
        targets = [id_ for id_ in self._organization.live if id_ not in self._uncommitted]
        course = self._decisions.pick(actor, place, Kind.USER, 1 + len(CREATIONS) + acts * len(targets)) - 1
        if course < 0:
            return
        self._acts += 1
        if course < len(CREATIONS):
            self._made += 1
            self._create(f"i{self._made}", CREATIONS[course])
        else:
            target, act = divmod(course - len(CREATIONS), acts)
            self._act_on(targets[target], act)

    def _act_on(self, invoice_id: str, act: int) -> None:
        is_draft = self._organization.live[invoice_id].is_draft
        if act < len(EDITS):
            self._edit(invoice_id, EDITS[act])
        elif is_draft and act == len(EDITS):
            self._delete(invoice_id)
        elif is_draft:
            self._edit(invoice_id, FINALIZE if act == len(EDITS) + 1 else FINALIZE_LATE)

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
        if change.unseen:
            return version.fields
        versions = self._organization.invoices[version.fields["id"]]
        if change.takes_back and len(versions) > 1:
            kept = {name: version.fields[name] for name in ("status", "attachment_id") if version.fields[name]}
            return {**versions[-2].fields, **kept}
        return {**version.fields, "edits": max(known.fields["edits"] for known in versions) + 1}

    def _delete(self, invoice_id: str) -> None:
        version = self._organization.live.get(invoice_id)
        if version and version.is_draft and invoice_id not in self._uncommitted:
            self._tell(f"Someone deletes draft {invoice_id}")
            self._organization.deleted.add(invoice_id)
            self._changed()

    def _change(self, invoice_id: str, fields: dict[str, Any], change: Change) -> None:
        self._tell(f"Someone {change.name} {invoice_id}")
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
        if change.held:
            self._held.add(invoice_id)
        self._scheduler.after(change.visible_after, partial(self._commit_unless_done, invoice_id, commit))
        if change.webhook:
            self._webhook(invoice_id)
        if change.render_after and (named or change.name_after is not None):
            self._scheduler.after(change.render_after, partial(self._render_later, invoice_id, attachment_id, change))

    def _commit_unless_done(self, invoice_id: str, commit: Callable[[], None]) -> None:
        """It may have been committed sooner."""
        if self._uncommitted.get(invoice_id) is commit:
            commit()

    def _commit(
        self, invoice_id: str, fields: dict[str, Any], updated_at: datetime, visible_at: datetime | None = None
    ) -> None:
        if self._clerk.tells_updated_at:
            fields = {**fields, "updated_at": to_precise_text(updated_at)}
        version = self._organization.put(invoice_id, fields, updated_at, visible_at or self._scheduler.now())
        self._uncommitted.pop(invoice_id, None)
        self._held.discard(invoice_id)
        self._tell(f"Qonto commits {invoice_id} v{version.number}")
        self._changed()

    def _render_later(self, invoice_id: str, attachment_id: str, change: Change) -> None:
        """Makes the PDF and, if that is still to be done, names it in the invoice."""
        self._render(attachment_id)
        version = self._organization.live.get(invoice_id)
        if version is None or invoice_id in self._uncommitted:
            return
        if version.attachment_id is None or change.touch:
            fields = {**version.fields, "attachment_id": version.attachment_id or attachment_id}
            if change.touch:
                self._commit(invoice_id, fields, self._stamp())
            else:
                self._commit(invoice_id, fields, version.updated_at, version.visible_at)

    def _render(self, attachment_id: str) -> None:
        large = attachment_id.startswith(("p1-", "p6-"))
        self._organization.render(attachment_id, LARGE if large else SMALL, repeats=self._clerk.repeats_pdfs)
        self._tell(f"Qonto makes {attachment_id} v{len(self._organization.files[attachment_id])}")
        self._changed()

    def _stamp(self) -> datetime:
        now = self._scheduler.now()
        return whole_seconds(now) if self._clerk.whole_seconds else now

    def _tell(self, line: str) -> None:
        self._story.tell(self._scheduler.now(), line)
