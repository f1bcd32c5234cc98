"""What the measured runs would cost in an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench import prices

if TYPE_CHECKING:
    from collections.abc import Mapping

FULL_CPU_MB: Final = 1_769
"""Memory at which Lambda gives a whole vCPU; less memory, as much less of it."""

QONTO_SECONDS_PER_REQUEST: Final = 600 / 10_000
"""Qonto's limit in the long run. A function that waits for it is paid for, too."""

_S3_WRITES: Final = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")


@dataclass(frozen=True, slots=True)
class Usage:
    """What is billed by use."""

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
        """By service."""
        return {
            "Lambda": self.gb_seconds * prices.LAMBDA_GB_SECOND + self.invocations * prices.LAMBDA_REQUEST,
            "S3 requests": self.puts * prices.S3_PUT + self.gets * prices.S3_GET,
            "DynamoDB": self.write_units * prices.DYNAMODB_WRITE_UNIT + self.read_units * prices.DYNAMODB_READ_UNIT,
            "SQS": self.queue_requests * prices.SQS_REQUEST,
            "Secrets Manager requests": self.secret_requests * prices.SECRET_REQUEST,
            "logs": self.log_bytes / 1e9 * prices.LOG_GB,
        }

    def times(self, number: float) -> Usage:
        """So many of it."""
        return Usage(**{name: getattr(self, name) * number for name in self.__slots__})


def usage(run: Mapping[str, Any], seconds: float, memory_mb: int) -> Usage:
    """Of one measured run that a function of this memory needs so many seconds for."""
    requests: Mapping[str, int] = run["requests"]

    def asked(*names: str) -> int:
        return sum(requests.get(name, 0) for name in names)

    return Usage(
        gb_seconds=seconds * memory_mb / 1024,
        invocations=1,
        write_units=run["amounts"].get("write_units", 0),
        read_units=run["amounts"].get("read_units", 0),
        puts=asked(*(f"s3 {name}" for name in _S3_WRITES)),
        gets=asked("s3 HeadObject", "s3 GetObject"),
        queue_requests=asked("sqs SendMessageBatch"),
        secret_requests=asked("secretsmanager GetSecretValue"),
        log_bytes=run["log_bytes"],
    )


def seconds_at(run: Mapping[str, Any], memory_mb: int) -> float:
    """What the run would take with this memory's share of a CPU as fast as the one that was measured on.

    Waiting overlaps with computing, so the longer of both counts.
    """
    wall, cpu = float(run["measurement"]["wall"]), float(run["measurement"]["cpu"])
    return max(wall, cpu * max(FULL_CPU_MB / memory_mb, 1))


def first_import_seconds(run: Mapping[str, Any], invoices: int, memory_mb: int) -> float:
    """The same for so many invoices, when Qonto's limit may take longer than all the rest."""
    factor = float(invoices / run["work"]["invoices"])
    qonto: int = sum(number for name, number in run["requests"].items() if name.startswith("qonto "))
    return max(seconds_at(run, memory_mb) * factor, qonto * factor * QONTO_SECONDS_PER_REQUEST)
