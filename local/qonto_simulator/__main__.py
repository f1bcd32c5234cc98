"""`python -m local.qonto_simulator`: the simulator as a server of its own, until Ctrl-C."""

import argparse
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

from local.qonto_simulator.behaviour import Behaviour, Bounds, Forms, MetaStyle, PastEnd, Ties
from local.qonto_simulator.faults import Faults
from local.qonto_simulator.limits import Limits, RetryAfter
from local.qonto_simulator.server import Simulator
from local.qonto_simulator.timestamps import whole_milliseconds, zulu
from local.qonto_simulator.world import World

_EPILOG = """\
The same --seed, --invoices, --activity and --started-at always make the same invoices and files: start the
command again with what it printed, and the world goes on where the clock says.

While it runs, GET /_simulator/ on the API port shows the state, and POST with a JSON object changes it:
  faults                         installs a fault: kind, path, times, skip, retry_after, delay;
                                 or rate: share of requests that fail; or clear: true ends all faults
  invoices                       creates an invoice: draft, imported, upload (file_name, content_type),
                                 and any field
  invoices/ID/edit               changes fields; touch: false keeps updated_at
  invoices/ID/finalize, delete   for drafts
  invoices/ID/regenerate_pdf     touch: true sets updated_at
  invoices/ID/poison             status: of each list page that would contain the invoice
  invoices/ID/hide               times, or null for ever: GET of the invoice answers 404
  invoices/ID/lose_file          the file host answers 404
  invoices/ID/restore            ends the faults of the invoice
  phantoms                       adds rows that are counted and never listed: updated_at, created_at, count
  create_many                    creates invoices with the same times: count, at
  touch_many                     sets updated_at of the oldest invoices: count, at
"""


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and keeps the lines of the epilog."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted or terminated."""
    options = _parser().parse_args(arguments)
    world = World(
        options.seed,
        options.started_at,
        lambda: datetime.now(UTC),
        options.invoices,
        options.activity,
        with_updated_at=not options.without_updated_at,
        plain_files=options.plain_files,
    )
    simulator = Simulator(
        world,
        host=options.host,
        port=options.port,
        files_port=options.files_port,
        public_host=options.public_host,
        login=options.login,
        secret_key=options.secret_key,
        staging_token=options.staging_token,
        behaviour=Behaviour(
            options.bounds,
            options.past_end,
            options.meta,
            options.ties,
            options.extra_count,
            options.search_limit,
            dated_attachments=options.dated_attachments,
            forms=options.forms,
        ),
        limits=None if options.no_limits else Limits(retry_after=options.retry_after),
        faults=Faults(rate=options.fault_rate, seed=options.fault_seed),
        webhooks_every=0.5,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with simulator:
        print(_banner(simulator, options), flush=True)
        stopped.wait()
    print("stopped")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.qonto_simulator",
        description="A faithful Qonto Business API for client invoices, with invented data.",
        epilog=_EPILOG,
        formatter_class=_HelpFormatter,
    )
    server = parser.add_argument_group("server")
    server.add_argument("--host", default="127.0.0.1", help="address to listen on")
    server.add_argument("--port", type=int, default=8080, help="port of the API, 0 for any free one")
    server.add_argument("--files-port", type=int, default=8081, help="port of the file host, 0 for any free one")
    server.add_argument("--public-host", metavar="NAME", help="name that clients reach this machine by, if not --host")
    server.add_argument("--login", default="acme-4217", help="login of the API key")
    server.add_argument("--secret-key", default="simulator-secret-key", help="secret of the API key")
    server.add_argument("--staging-token", metavar="T", help="play the sandbox: ask for this X-Qonto-Staging-Token")
    world = parser.add_argument_group("world")
    world.add_argument("--seed", type=int, default=1, help="what the invoices are made from")
    world.add_argument("--invoices", type=int, default=240, metavar="N", help="how many there are at the start")
    world.add_argument("--activity", type=int, default=12, metavar="N", help="events in every hour after the start")
    world.add_argument(
        "--started-at",
        type=_moment,
        default=whole_milliseconds(datetime.now(UTC)).isoformat(),
        metavar="ISO",
        help="when the history ends and the activity begins; an offset is needed, such as Z",
    )
    world.add_argument("--without-updated-at", action="store_true", help="leave that field out of the invoices")
    world.add_argument("--plain-files", action="store_true", help="tiny files instead of drawn invoices")
    doubt = parser.add_argument_group("what the documentation leaves open")
    doubt.add_argument("--bounds", choices=get_args(Bounds.__value__), default="inclusive", help="of datetime filters")
    doubt.add_argument("--past-end", choices=get_args(PastEnd.__value__), default="empty", help="a page after the last")
    doubt.add_argument("--meta", choices=get_args(MetaStyle.__value__), default="documented", help="page numbers")
    doubt.add_argument("--ties", choices=get_args(Ties.__value__), default="stable", help="order of equal created_at")
    doubt.add_argument("--extra-count", type=_count, default=0, metavar="N", help="added to each list's total_count")
    doubt.add_argument("--search-limit", type=_count, metavar="N", help="refuse lists of more invoices, with 422")
    doubt.add_argument("--dated-attachments", action="store_true", help="let attachments have an updated_at")
    doubt.add_argument(
        "--forms", choices=get_args(Forms.__value__), default="equal", help="an invoice alone and listed"
    )
    trouble = parser.add_argument_group("trouble")
    trouble.add_argument("--fault-rate", type=_share, default=0.0, metavar="SHARE", help="share of requests that fail")
    trouble.add_argument("--fault-seed", type=int, default=0, metavar="N", help="what the random faults are made from")
    trouble.add_argument("--no-limits", action="store_true", help="never answer 429 for too many requests")
    trouble.add_argument(
        "--retry-after", choices=get_args(RetryAfter.__value__), default="none", help="how a 429 tells the wait"
    )
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no offset, add Z")
    return moment


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")
    return int(text)


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return share


def _banner(simulator: Simulator, options: argparse.Namespace) -> str:
    world, oauth, api = simulator.world, simulator.oauth_client, simulator.api_url
    curl = f"curl -sg -H 'Authorization: {simulator.login}:{simulator.secret_key}'"
    if simulator.staging_token is not None:
        curl += f" -H 'X-Qonto-Staging-Token: {simulator.staging_token}'"
    ids = world.attachment_ids()
    attachment_id = ids[-1] if ids else "<attachment id>"
    form = f"grant_type=refresh_token&client_id={oauth.client_id}&client_secret={oauth.client_secret}"
    return f"""\
Qonto simulator, {len(world.invoice_ids())} invoices
  API         {api}
  files       {simulator.files_origin}
  token URL   {simulator.token_url}
  API key     {simulator.login}:{simulator.secret_key}
  OAuth       client {oauth.client_id}, secret {oauth.client_secret}, refresh token {oauth.refresh_token}
  go on with  --seed {world.seed} --invoices {options.invoices} --activity {options.activity} \
--started-at {zulu(world.started_at)}

Try:
  {curl} '{api}/v2/client_invoices?per_page=2&exclude_imported=false'
  {curl} '{api}/v2/client_invoices?filter[updated_at_from]={world.started_at:%Y-%m-%dT%H:%M:%SZ}'
  {curl} '{api}/v2/attachments/{attachment_id}'
  curl -s -d '{form}&refresh_token={oauth.refresh_token}' {simulator.token_url}
  curl -s {api}/_simulator/
  curl -s -d '{{"draft": true}}' {api}/_simulator/invoices
  curl -s -d '{{"kind": "429", "path": "/v2/attachments", "times": 3}}' {api}/_simulator/faults

Ctrl-C stops it."""


if __name__ == "__main__":
    main()
