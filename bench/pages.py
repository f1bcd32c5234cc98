"""The generated parts of documentation pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEGIN: Final = "<!-- make bench writes from here -->"
_END: Final = "<!-- to here -->"


def replaced(page: str, part: str) -> str:
    """The page with this part between its two markers.

    Raises:
        ValueError: The page does not have both markers.
    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page has no {_BEGIN} followed by {_END}")
    return f"{before}{_BEGIN}\n\n{part}\n\n{_END}{after}"


def figures_page(report: Mapping[str, Any]) -> str:
    """A Markdown table of the goals and the measured figures."""
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    rows = [
        "| {name} | {floor} | {goal} | {measured} | {} | {} |".format(
            "✓" if figure["floor_met"] else "✗", "✓" if figure["goal_met"] else "✗", **figure
        )
        for figure in report["figures"]
    ]
    rates = ", ".join(f"{kind} {rate:,.0f}" for kind, rate in report["server_requests_per_second"].items())
    return "\n".join(
        [
            f"{report['date']}, {report['machine']}; {versions}.",
            "",
            "| figure | floor | goal | measured | floor | goal |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"The server alone, requests per second: {rates}.",
        ]
    )
