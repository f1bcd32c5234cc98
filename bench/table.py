"""The tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from bench.figures import Figure
    from bench.scenarios import Results


def figures_table(figures: list[Figure]) -> Table:
    """The figures, and whether they meet their goals."""
    table = Table("figure", "floor", "goal", "measured", "floor", "goal", title="Goals", title_justify="left")
    for figure in figures:
        marks = [_mark(met=met) for met in (figure.floor_met, figure.goal_met)]
        table.add_row(figure.name, figure.floor, figure.goal, figure.measured, *marks)
    return table


def contenders_table(results: Results) -> Table:
    """What each contender took for new invoices; medians."""
    table = Table("contender", title="New invoices with files of 100 KB", title_justify="left")
    for heading in ("wall s", "CPU s", "CPU ms per invoice", "peak MiB", "Qonto", "files", "S3", "DynamoDB"):
        table.add_column(heading, justify="right")
    runs = results.runs["new"]
    for contender in dict.fromkeys(run.contender for run in runs):
        last = [run for run in runs if run.contender == contender][-1]
        wall = results.median("new", contender, lambda run: run.measurement.wall)
        cpu = results.median("new", contender, lambda run: run.measurement.cpu)
        peak = results.median("new", contender, lambda run: run.measurement.peak_bytes) / 2**20
        requests = [f"{last.request_count(service):,}" for service in ("qonto", "files", "s3", "dynamodb")]
        name = contender if last.work.invoices == runs[-1].work.invoices else f"{contender} ({last.work.invoices})"
        table.add_row(
            name, f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / last.work.invoices * 1000:.2f}", f"{peak:.0f}", *requests
        )
    return table


def _mark(*, met: bool) -> str:
    return "[green]✓[/green]" if met else "[red]✗[/red]"
