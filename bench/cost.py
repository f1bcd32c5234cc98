"""The cost of the measured runs at AWS's list prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench import prices
from qonto_sync.clock import LONGEST_RESERVE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

FULL_CPU_MB: Final = 1_769
"""The memory at which a function has one vCPU. Its share of a vCPU is proportional to its memory."""

QONTO_SECONDS_PER_REQUEST: Final = 600 / 10_000
"""Qonto's long-term rate limit. Lambda also bills the time that a function waits for it."""

RUN_SECONDS: Final = 900 - LONGEST_RESERVE_SECONDS
"""How long a run goes on before it leaves the rest to the next one: the timeout of SyncFunction, less its reserve."""

_S3_WRITES: Final = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "ListObjectsV2")
"""What S3 bills at the price of a write."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The billed quantities."""

    gb_seconds: float = 0
    invocations: float = 0
    write_units: float = 0
    read_units: float = 0
    puts: float = 0
    gets: float = 0
    queue_requests: float = 0
    secret_requests: float = 0
    log_bytes: float = 0

    def usd(self) -> dict[str, float]:
        """The cost in USD, by service."""
        return {
            "Lambda": self.gb_seconds * prices.LAMBDA_GB_SECOND + self.invocations * prices.LAMBDA_REQUEST,
            "S3 requests": self.puts * prices.S3_PUT + self.gets * prices.S3_GET,
            "DynamoDB": self.write_units * prices.DYNAMODB_WRITE_UNIT + self.read_units * prices.DYNAMODB_READ_UNIT,
            "SQS": self.queue_requests * prices.SQS_REQUEST,
            "Secrets Manager requests": self.secret_requests * prices.SECRET_REQUEST,
            "logs": self.log_bytes / 1e9 * prices.LOG_GB,
        }

    def times(self, number: float) -> Usage:
        """This usage, so many times."""
        return Usage(**{name: getattr(self, name) * number for name in self.__slots__})


def usage(run: Mapping[str, Any], seconds: float, memory_mb: int) -> Usage:
    """The usage of one measured run, if it takes so many seconds in a function with this memory."""
    requests: Mapping[str, int] = run["requests"]

    def count(*names: str) -> int:
        return sum(requests.get(name, 0) for name in names)

    return Usage(
        gb_seconds=seconds * memory_mb / 1024,
        invocations=1,
        write_units=run["amounts"].get("write_units", 0),
        read_units=run["amounts"].get("read_units", 0),
        puts=count(*(f"s3 {name}" for name in _S3_WRITES)),
        gets=count("s3 HeadObject", "s3 GetObject"),
        queue_requests=count("sqs SendMessageBatch"),
        secret_requests=count("secretsmanager GetSecretValue"),
        log_bytes=run["log_bytes"],
    )


def seconds_at(run: Mapping[str, Any], memory_mb: int) -> float:
    """The seconds that the run would take with this memory, on CPUs as fast as the one it was measured on.

    The run waits and computes at the same time, so this is the longer of its wall time and its scaled CPU time.
    """
    wall, cpu = float(run["measurement"]["wall"]), float(run["measurement"]["cpu"])
    return max(wall, cpu * max(FULL_CPU_MB / memory_mb, 1))


def runs_for(seconds: float) -> int:
    """How many runs, each started by the one before, so much work takes."""
    return math.ceil(seconds / RUN_SECONDS)


def first_import_seconds(run: Mapping[str, Any], invoices: int, memory_mb: int) -> float:
    """The seconds for a first import of so many invoices; Qonto's rate limit may determine them."""
    factor = float(invoices / run["work"]["invoices"])
    qonto: int = sum(number for name, number in run["requests"].items() if name.startswith("qonto "))
    return max(seconds_at(run, memory_mb) * factor, qonto * factor * QONTO_SECONDS_PER_REQUEST)
