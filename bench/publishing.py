"""Writes the results into the documentation: the raw data, the plots, and the generated parts of pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from bench.cost_page import cost_tables
from bench.deployment import ROOT
from bench.pages import figures_page, replaced
from bench.plots import plots

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLOTS: Final = ROOT / "docs" / "bench"
_RESULTS: Final = ROOT / "bench" / "results" / "latest.json"
_PAGES: Final = {ROOT / "bench" / "README.md": figures_page, ROOT / "docs" / "cost.md": cost_tables}


def publish(report: Mapping[str, Any]) -> None:
    """Overwrites the results of the last full run."""
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    _PLOTS.mkdir(exist_ok=True)
    for name, svg in plots(report).items():
        (_PLOTS / f"{name}.svg").write_text(svg)
    for page, make in _PAGES.items():
        page.write_text(replaced(page.read_text(), make(report)))
