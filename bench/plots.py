"""The plots of the results."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.svg import Bars, Line, chart

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTENDERS: Final = ("guide", "dlt", "bare", "ours")
_MIB: Final = 2**20


def plots(report: Mapping[str, Any]) -> dict[str, str]:
    """SVG documents by name."""
    runs = report["runs"]
    number = runs["new"][-1]["work"]["invoices"]
    size = runs["new"][-1]["work"]["file_bytes"] // 1000
    return {
        "contenders": chart(
            f"{number:,} new invoices with files of {size} KB into S3",
            [
                _bars("wall, seconds", runs, "wall", 1),
                _bars("CPU, seconds", runs, "cpu", 1),
                _bars("peak memory, MiB", runs, "peak_bytes", _MIB),
            ],
        ),
        "growth": chart(
            "A first import by its size, without latency",
            [
                _line("CPU, seconds", runs, "cpu", 1),
                _line("peak memory, MiB", runs, "peak_bytes", _MIB),
            ],
        ),
    }


def _bars(title: str, runs: Mapping[str, Any], quantity: str, unit: float) -> Bars:
    values = [
        (name, median(run["measurement"][quantity] for run in runs["new"] if run["contender"] == name) / unit)
        for name in _CONTENDERS
    ]
    return Bars(title, values, highlighted="ours")


def _line(title: str, runs: Mapping[str, Any], quantity: str, unit: float) -> Line:
    points = [(run["work"]["invoices"], run["measurement"][quantity] / unit) for run in runs["growth"]]
    return Line(title, points, "invoices")
