"""The main job with its progress on the screen: `make run`.

Starts a local AWS with template.yaml deployed on it, invokes SyncFunction with an event, empties the
retry queue through RetryFunction, shows the result, and keeps the archive and the state for the next run. In a
simulated organization it then edits an invoice, and a webhook brings the edit into the archive.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local.asynchronous import AsynchronousInvocations
from local.aws import moto_server, put_secret
from local.event_source import EventSourceMapping
from local.lambda_service import ExecutionEnvironment, FunctionError, SkippingClock
from local.organization import real, simulated
from local.saved_state import SavedState
from local.screen import InvoiceCounter, Screen
from local.stack import deploy
from local.webhook_endpoint import WebhookEndpoint
from local.webhooks import NotArchived, subscribe
from operations.archives import Folder
from operations.aws import OperationFailed
from operations.page import archive_page
from qonto_sync.clock import LONGEST_RESERVE_SECONDS
from qonto_sync.domain.errors import SyncError
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.domain.keys import certificate_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.organization import Opening, Organization
    from local.stack import DeployedFunction, Stack

_ROOT: Final = Path(__file__).parent.parent
_SHORT_RUN: Final = 3.0


def main() -> int:
    """Run once, and return the exit status."""
    arguments = _arguments()
    screen = Screen()
    try:
        name, opening = _choose(os.environ, arguments)
    except ValueError as error:
        screen.fail(str(error))
        return 2
    run = LocalRun(screen, _ROOT / ".local" / name, has_short_runs=arguments.short_runs)
    try:
        run.execute(opening, json.loads(arguments.event.read_text()))
    except (FunctionError, NotArchived, OperationFailed, SyncError) as error:
        screen.fail(str(error))
        return 1
    except KeyboardInterrupt:
        screen.fail("Interrupted. What is archived is kept; the next run continues from there.")
        return 130
    return 0


class LocalRun:
    """One run in one folder."""

    def __init__(self, screen: Screen, folder: Path, *, has_short_runs: bool = False) -> None:
        """With short runs the time of SyncFunction is nearly over after a few seconds."""
        self._screen = screen
        self._folder = folder
        self._has_short_runs = has_short_runs
        self._saved = SavedState(folder)
        self._log = folder / "functions.log"

    def execute(self, opening: Opening, event: Mapping[str, Any]) -> None:
        """Runs everything, from an empty local AWS to files that can be opened, and always saves the state."""
        notes = self._saved.notes()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with (
            self._log.open("a") as log,
            # What a function prints goes to its log, as in Lambda.
            redirect_stdout(log),
            opening(notes) as organization,
            moto_server() as endpoint_url,
        ):
            self._screen.say(f"[bold]Qonto invoice sync[/bold] of {organization.title}")
            stack = self._deploy(organization, endpoint_url)
            try:
                self._sync(stack, event)
                self._retry(stack, organization)
                self._check(stack, organization)
                self._webhook(stack, organization)
                self._reconcile(stack)
            finally:
                self._saved.save(stack, {**organization.notes, "stopped_at": datetime.now(UTC).isoformat()})
                self._show_archive()

    def _deploy(self, organization: Organization, endpoint_url: str) -> Stack:
        # DEBUG: the progress bar follows the log.
        stack = deploy(endpoint_url, parameters={"LogLevel": "DEBUG", **organization.parameters})
        function = stack.functions["SyncFunction"]
        put_secret(endpoint_url, f"{function.environment['QONTO_SECRET_PREFIX']}default", organization.secret)
        self._screen.say(f"  template.yaml deployed on a local AWS: {len(stack.resources)} resources")
        with self._screen.bar("archive of the last run, put back") as advance:
            self._saved.restore(stack, advance)
        return stack

    def _sync(self, stack: Stack, event: Mapping[str, Any]) -> None:
        function = stack.functions["SyncFunction"]
        clock = (
            SkippingClock(_SHORT_RUN, function.timeout - LONGEST_RESERVE_SECONDS) if self._has_short_runs else time.time
        )
        environments = {function.arn: ExecutionEnvironment(function, clock=clock)}

        def invoke(started: DeployedFunction, event: Any) -> Any:
            if isinstance(clock, SkippingClock):
                clock.start()
            return environments[started.arn].invoke(event)

        runs = AsynchronousInvocations(stack, invoke).run(function, event)
        with self._screen.bar("SyncFunction") as advance, _listening(InvoiceCounter(advance)):
            for number, result in enumerate(runs, 1):
                if "continue" in result:
                    written = result["invoices"]["archived"]
                    self._screen.say(
                        f"  run {number} had no time left, with {written} invoices; a rule starts the next"
                    )
        self._screen.say("  returned")
        self._screen.show_result(result)

    def _retry(self, stack: Stack, organization: Organization) -> None:
        for mapping in stack.mappings:
            environment = ExecutionEnvironment(mapping.function)
            source = EventSourceMapping(mapping, stack.endpoint_url, environment.invoke)
            with self._screen.bar(mapping.function.logical_id) as advance, _listening(InvoiceCounter(advance)):
                deliveries = source.drain(patience=organization.patience, interval=5, sleep=organization.wait)
            received = sum(delivery.received for delivery in deliveries)
            finished = sum(delivery.deleted for delivery in deliveries)
            self._screen.say(f"  received {received} messages, finished {finished}\n")

    def _check(self, stack: Stack, organization: Organization) -> None:
        if organization.check is None:
            return
        found = organization.check(stack)
        for line in found.different:
            self._screen.say(f"  [yellow]{line}[/yellow]")
        self._screen.say(
            f"[bold]Checked against the source[/bold]: {found.invoices} invoices and {found.files} files,"
            f" {'byte for byte the same' if not found.different else f'{len(found.different)} differences'}\n"
        )

    def _webhook(self, stack: Stack, organization: Organization) -> None:
        source = organization.webhooks
        if source is None:
            return
        with WebhookEndpoint(stack.functions["WebhookFunction"]) as endpoint:
            subscribe(stack, "default", endpoint.url, source.credentials)
            edit = source.edit()
            self._screen.say(f"[bold]A webhook[/bold]: somebody edits the invoice {edit.number} in Qonto")
            answered = source.deliver(organization.wait)
        if not answered:
            self._screen.say("  [yellow]was lost; the next hourly run archives the edit[/yellow]\n")
            return
        self._screen.say(f"  WebhookFunction acknowledged it after {edit.seconds_until(answered):.1f} s")
        environment = ExecutionEnvironment(stack.functions["RetryFunction"])
        (mapping,) = stack.mappings
        queue = EventSourceMapping(mapping, stack.endpoint_url, environment.invoke)
        archived = source.archive(edit, stack, queue, organization.wait)
        self._screen.say(
            f"  RetryFunction archived JSON and PDF of the new version {edit.seconds_until(archived):.1f} s after the"
            " edit, without an hourly run\n"
        )
        # The invoice is retried once more, when its PDF is final.
        queue.drain(patience=organization.patience, interval=5, sleep=organization.wait)

    def _reconcile(self, stack: Stack) -> None:
        environment = ExecutionEnvironment(stack.functions["SyncFunction"])
        result = environment.invoke({"action": "reconcile"})
        invoices = result["invoices"]
        found = [f"{count} {kind}" for kind, count in result["found"].items() if count]
        self._screen.say(
            f"[bold]Reconciled[/bold]: {result['months']} months, {invoices['source']} invoices at the source,"
            f" {invoices['archived']} archived, {invoices['pending']} pending;"
            f" {', '.join(found) or 'no differences'}"
        )
        if result["certificate"]:
            certificate = certificate_key(ConnectionName("default"))
            self._screen.say(f"  the certificate of version {result['certificate']}: {certificate}\n")

    def _show_archive(self) -> None:
        archive = self._saved.archive
        if archive.exists():
            self._screen.say(f"The archive, as it lies in S3: [bold]{_shown(archive)}[/bold], in it the latest:")
            self._screen.show_latest(archive)
            self._write_page(archive)
        for reason, count in self._saved.pending().items():
            self._screen.say(f"[yellow]{count} pending: {reason}[/yellow], retried by the next runs")
        self._screen.say(f"The functions' log: [bold]{_shown(self._log)}[/bold]")

    def _write_page(self, archive: Path) -> None:
        """A page beside the archive, to look at in a browser."""
        content = archive_page(Folder(archive, "default"), "default", lambda key: f"{archive.name}/{key}")
        if content:
            path = archive.with_name("index.html")
            path.write_text(content, "utf-8")
            self._screen.say(f"A page to look at it in a browser: [bold]{_shown(path)}[/bold]")


@contextmanager
def _listening(handler: logging.Handler) -> Iterator[None]:
    """Passes the functions' log records to the handler."""
    logger = logging.getLogger("qonto_sync")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _choose(environment: Mapping[str, str], arguments: argparse.Namespace) -> tuple[str, Opening]:
    login, secret_key = environment.get("QONTO_LOGIN"), environment.get("QONTO_SECRET_KEY")
    if not login and not secret_key:
        return "simulated", simulated(invoices=arguments.invoices, fault_rate=arguments.fault_rate)
    if not login or not secret_key:
        missing = "QONTO_SECRET_KEY" if login else "QONTO_LOGIN"
        raise ValueError(f"{missing} is missing: set QONTO_LOGIN and QONTO_SECRET_KEY, or neither to simulate")
    folder = "".join(c if c.isalnum() or c in "-_" else "_" for c in login)
    return folder, real(login, secret_key, environment, time.sleep)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.run", description=__doc__)
    parser.add_argument("--event", type=Path, default=_ROOT / "events" / "scheduled-rule.json", help="an event file")
    parser.add_argument("--invoices", type=int, default=240, help="of a new simulated organization")
    parser.add_argument(
        "--short-runs",
        action="store_true",
        help=f"a run has no time left after {_SHORT_RUN:g} seconds, and a rule starts the next, as in a long import",
    )
    parser.add_argument("--fault-rate", type=float, default=0.0, help="share of requests to the simulator that fail")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
