"""The operators' command line: `qonto-sync`, or `python -m operations`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from operations import connections, runs, status, verify_command, webhooks
from operations.aws import OperationFailed, explained
from operations.export.command import export
from operations.qonto import sync_errors_explained

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130

app = typer.Typer(
    name="qonto-sync",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Operate a deployed Qonto invoice sync, and check and use its archive.\n\n"
    "AWS credentials and region are those of the AWS CLI: `AWS_PROFILE`, `AWS_REGION`. Which stack: `--stack`, or "
    "`QONTO_SYNC_STACK`.",
    epilog="Exit status: 0 done; 1 it failed, or something differs; 2 wrong arguments; 130 interrupted.",
)
app.command()(status.status)
app.add_typer(connections.app, name="connection")
app.add_typer(webhooks.app, name="webhook")
app.command()(runs.sync)
app.command()(runs.backfill)
app.command()(runs.reconcile)
app.command()(runs.retry)
app.command()(export)
app.command()(verify_command.verify)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command, and returns the exit status. Errors are told in a line, without a traceback."""
    try:
        with explained(), sync_errors_explained():
            app(arguments, prog_name="qonto-sync")
    except OperationFailed as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            print("Interrupted: what was done until now stays, and the command can be repeated", file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else 0
    return 0
