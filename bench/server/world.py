"""The services behind the ports, and the port by which the benchmark controls them."""

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
"""Within the window of the next hourly run, and long enough ago for the file to be final."""


@dataclass
class Sites:
    """The service on each port."""

    qonto: Site
    files: Site
    aws: Site


class _Port(Site):
    """Forwards to the current site of that name: a reset replaces the sites, but not the ports."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    @override
    def answer(self, request: Request) -> Response:
        site: Site = getattr(self._world.sites, self._name)
        try:
            return site.answer(request)
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            # The contender uses something that this server does not support; the benchmark reports it and fails.
            return self._world.unsupported(request, error)


class World:
    """The state of all services; `reset` replaces it and keeps the ports."""

    def __init__(self) -> None:
        self.ports = Sites(*(_Port(self, name) for name in ("qonto", "files", "aws")))
        self.files_origin = ""
        self.reset({})

    def reset(self, arguments: Mapping[str, Any]) -> None:
        """Empties AWS, and creates an organization with so many `invoices` and files of `file_bytes`."""
        self._organization = Organization(
            arguments.get("invoices", 0), arguments.get("file_bytes", 0), arguments.get("years", 2)
        )
        self._limits = Limits(enforced=arguments.get("limits", False))
        self._latencies = dict(arguments.get("latencies", LATENCIES))
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

    def unsupported(self, request: Request, error: Exception) -> Response:
        """Counts a request that is not supported under a service of that name."""
        target = request.headers.get("x-amz-target", request.path)
        self._tally.count("unsupported", f"{request.method} {target}: {error!r}")
        return Response(501)

    def command(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Runs a command from the control port and returns its result."""
        match name:
            case "reset":
                self.reset(arguments)
            case "latencies":
                self._latencies |= arguments
            case "edit":
                self._organization.edit(arguments["invoices"], datetime.now(UTC) - _EDITED_AGO)
            case "reset_counts":
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
        """Numbers of objects, bytes and lines by kind of object."""
        kinds: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"objects": 0, "bytes": 0, "lines": 0})
        for key, found in self._bucket.objects.items():
            folders, _, name = key.rpartition("/")
            extension = name.rpartition(".")[2]
            # A table is a folder of files with one JSON document a line.
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
    """`POST /<command>` with a JSON object of arguments; the response is a JSON object."""

    def __init__(self, world: World) -> None:
        self._world = world

    @override
    def answer(self, request: Request) -> Response:
        """See `Site`."""
        arguments = json.loads(request.body or b"{}")
        return Response(200, (json.dumps(self._world.command(request.path.lstrip("/"), arguments)).encode(),))
