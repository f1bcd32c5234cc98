"""The work that a contender is measured on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """The invoices to copy, and how the server answers meanwhile."""

    invoices: int
    file_bytes: int
    """The size of each invoice's file."""
    latency: bool = True
    """Whether answers take as long as the real services' would."""
    years: int = 2
    """The invoices are spread evenly over so many."""
    limits: bool = False
    """Whether Qonto's rate limits are enforced."""
