"""Everything behind the ports, and the port that the benchmark drives it by."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, override

from bench.server.aws import Aws
from bench.server.http import Response, Site
from bench.server.limits import Limits
from bench.server.metering import MeteredDynamoDb, MeteredS3
from bench.server.organization import Organization
from bench.server.qonto import Files, Qonto
from bench.server.s3 import S3
from bench.server.tally import LATENCIES, Tally
from local.in_memory.sqs import InMemorySqs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.server.http import Request

_EDITED_AGO = timedelta(minutes=5)
"""Later than an hourly run's window begins, and long enough ago for the file to be final."""


@dataclass
class Sites:
    """What answers on each port."""

    qonto: Site
    files: Site
    aws: Site


class _Port(Site):
    """Stands for a site until the next reset replaces it: ports outlive worlds."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    @override
    def answer(self, request: Request) -> Response:
        site: Site = getattr(self._world.sites, self._name)
        try:
            return site.answer(request)
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            # A contender asks for what this server has not learned: the benchmark fails, and says so.
            return self._world.unknown(request, error)


class World:
    """One world at a time; `reset` begins another on the same ports."""

    def __init__(self) -> None:
        self.ports = Sites(*(_Port(self, name) for name in ("qonto", "files", "aws")))
        self.files_origin = ""
        self.reset({})

    def reset(self, wanted: Mapping[str, Any]) -> None:
        """Empty stores, and an organization with so many `invoices` of so many `file_bytes`."""
        self._organization = Organization(wanted.get("invoices", 0), wanted.get("file_bytes", 0))
        self._limits = Limits(enforced=wanted.get("limits", False))
        self._latencies = dict(wanted.get("latencies", LATENCIES))
        self._tally = Tally()
        self._bucket = MeteredS3(self._tally)
        qonto = Qonto(
            self._organization,
            self._limits,
            files_origin=self.files_origin,
            latencies=self._latencies,
            tally=self._tally,
        )
        files = Files(self._organization, latencies=self._latencies, tally=self._tally)
        s3 = S3(self._bucket, latencies=self._latencies, tally=self._tally)
        aws = Aws(s3, MeteredDynamoDb(self._tally), _queue(), latencies=self._latencies, tally=self._tally)
        self.sites = Sites(qonto, files, aws)

    def unknown(self, request: Request, error: Exception) -> Response:
        """Keeps what cannot be answered as a request of its own service."""
        target = request.headers.get("x-amz-target", request.path)
        self._tally.count("unknown", f"{request.method} {target}: {error!r}")
        return Response(501)

    def command(self, name: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the control port is asked for."""
        match name:
            case "reset":
                self.reset(wanted)
            case "latencies":
                self._latencies |= wanted
            case "edit":
                self._organization.edit(wanted["invoices"], datetime.now(UTC) - _EDITED_AGO)
            case "forget_counts":
                self._tally.requests.clear()
                self._tally.amounts.clear()
            case "counts":
                return {
                    **self._tally.as_dict(),
                    "milestones": self._limits.milestones,
                    "objects": self._objects_by_kind(),
                }
            case _:
                raise KeyError(name)
        return {}

    def _objects_by_kind(self) -> dict[str, dict[str, int]]:
        """How many objects of each kind, their bytes and their lines."""
        kinds: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"objects": 0, "bytes": 0, "lines": 0})
        for key, found in self._bucket.objects.items():
            folders, _, name = key.rpartition("/")
            extension = name.rpartition(".")[2]
            # Tables are folders of lines.
            table = folders.rpartition("/")[2]
            kind = kinds[f"{table}.jsonl" if extension == "jsonl" else extension]
            kind["objects"] += 1
            kind["bytes"] += len(found.body)
            kind["lines"] += found.body.count(b"\n") if key.endswith(".jsonl") else 0
        return dict(kinds)


def _queue() -> InMemorySqs:
    """A queue from which nothing is received."""
    return InMemorySqs(
        lambda: datetime.now(UTC),
        visibility_timeout=timedelta(minutes=12),
        max_receive_count=8,
        retention=timedelta(days=14),
    )


class Control(Site):
    """`POST /<command>` with a JSON object; the answer is one, too."""

    def __init__(self, world: World) -> None:
        self._world = world

    @override
    def answer(self, request: Request) -> Response:
        """See `Site`."""
        wanted = json.loads(request.body or b"{}")
        return Response(200, (json.dumps(self._world.command(request.path.lstrip("/"), wanted)).encode(),))
