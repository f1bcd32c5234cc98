"""The generated part of docs/cost.md."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bench import prices
from bench.cost import FULL_CPU_MB, Usage, first_import_seconds, runs_for, seconds_at, usage

if TYPE_CHECKING:
    from collections.abc import Mapping

_IMPORT: Final = 100_000
_HOURLY_RUNS: Final = 730
_CHANGED: Final = (0, 100, 1_000, 10_000)
_MEMORIES: Final = (256, 512, 768, 1_024, FULL_CPU_MB)


def cost_tables(report: Mapping[str, Any]) -> str:
    """Markdown tables: a first import, a month, and different memory sizes."""
    memory = report["memory_mb"]
    new = [run for run in report["runs"]["new"] if run["contender"] == "ours"][-1]
    hourly = report["runs"]["nothing new"][-1]
    start = report["cold"]["SyncFunction"]["ours"]
    return "\n".join(
        [
            f"Measured on {report['date']} ({report['machine']}), SyncFunction with {_number(memory)} MB.",
            "",
            *_first_import(new, memory),
            "",
            *_months(new, hourly, start, memory),
            "",
            *_memories(new, hourly, start),
        ]
    )


def _first_import(new: Mapping[str, Any], memory: int) -> list[str]:
    seconds = first_import_seconds(new, _IMPORT, memory)
    factor = _IMPORT / new["work"]["invoices"]
    runs = runs_for(seconds)
    used = replace(usage(new, seconds / factor, memory).times(factor), invocations=runs)
    usd = used.usd()
    size = sum(new["objects"][kind]["bytes"] for kind in ("json", "pdf")) * factor / 1e9
    heading = (
        f"**A first import of {_number(_IMPORT)} invoices** with files of {new['work']['file_bytes'] / 1000:.0f} KB:"
        f" {sum(usd.values()):.2f} USD, and {seconds / 60:.0f} minutes, at {_number(_IMPORT / seconds * 60)} invoices a"
        f" minute, in {runs} runs that start one another."
    )
    return [
        heading,
        "",
        "| | amount | USD |",
        "|---|---:|---:|",
        f"| S3, uploads | {_number(used.puts)} | {usd['S3 requests']:.3f} |",
        f"| Lambda, invocations | {runs} | {runs * prices.LAMBDA_REQUEST:.3f} |",
        f"| Lambda, GB-seconds | {_number(used.gb_seconds)} | {usd['Lambda'] - runs * prices.LAMBDA_REQUEST:.3f} |",
        f"| DynamoDB, write units | {_number(used.write_units)} | {usd['DynamoDB']:.3f} |",
        f"| logs, MB | {used.log_bytes / 1e6:,.1f} | {usd['logs']:.3f} |",
        f"| **in all** | | **{sum(usd.values()):.2f}** |",
        "",
        f"Kept in S3 are {size:.1f} GB: {size * prices.S3_GB_MONTH:.2f} USD a month.",
    ]


def _months(new: Mapping[str, Any], hourly: Mapping[str, Any], start: float, memory: int) -> list[str]:
    fixed = prices.SECRET_MONTH + prices.METRIC_MONTH + prices.ALARM_MONTH
    # Lambda keeps no function warm for an hour, so each hourly run has a cold start.
    run = usage(hourly, start + seconds_at(hourly, memory), memory).times(_HOURLY_RUNS)
    per_invoice = _per_invoice(new, hourly, memory)
    rows = []
    for changed in _CHANGED:
        runs, invoices = sum(run.usd().values()), sum(per_invoice.times(changed).usd().values())
        rows.append(
            f"| {_number(changed)} | {fixed:.2f} | {runs:.3f} | {invoices:.3f} | **{fixed + runs + invoices:.2f}** |"
        )
    heading = (
        f"**A connection and month**: {_HOURLY_RUNS} hourly runs ({_number(run.gb_seconds)} GB-seconds,"
        f" {_number(run.read_units)} reads, {_number(run.write_units)} writes), and invoices that are new"
        " or get a new file:"
    )
    return [
        heading,
        "",
        "| invoices | secret, metric, alarm | hourly runs | invoices | USD in all |",
        "|---:|---:|---:|---:|---:|",
        *rows,
    ]


def _per_invoice(new: Mapping[str, Any], hourly: Mapping[str, Any], memory: int) -> Usage:
    """The usage that one new invoice adds to a run."""
    many = usage(new, seconds_at(new, memory), memory)
    none = usage(hourly, seconds_at(hourly, memory), memory)
    number = new["work"]["invoices"]
    return Usage(**{name: (getattr(many, name) - getattr(none, name)) / number for name in Usage.__slots__})


def _memories(new: Mapping[str, Any], hourly: Mapping[str, Any], start: float) -> list[str]:
    number = new["work"]["invoices"]
    rows = []
    for memory in _MEMORIES:
        seconds = seconds_at(new, memory)
        monthly = usage(hourly, start + seconds_at(hourly, memory), memory).times(_HOURLY_RUNS)
        rows.append(
            f"| {_number(memory)} | {memory / FULL_CPU_MB:.2f} | {seconds:.1f} | {seconds * memory / 1024:.1f}"
            f" | {monthly.usd()['Lambda']:.4f} |"
        )
    peak = new["measurement"]["peak_bytes"] / 2**20
    heading = (
        f"**Memory**: the run of {_number(number)} new invoices peaked at {peak:.0f} MiB, and took"
        f" {new['measurement']['cpu']:.1f} s of CPU."
    )
    return [
        heading,
        "",
        f"| MB | vCPU | seconds for {_number(number)} new invoices | GB-seconds | USD a month for hourly runs |",
        "|---:|---:|---:|---:|---:|",
        *rows,
    ]


def _number(value: float) -> str:
    """With a space between thousands, as in the rest of the documentation."""
    return f"{value:,.0f}".replace(",", " ")
