"""The addresses of the benchmark's server."""

from __future__ import annotations

from dataclasses import dataclass

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that the server listens on, by site."""

    qonto: int
    files: int
    aws: int
    control: int

    def origin(self, site: str) -> str:
        """The origin of a site's URLs."""
        return f"http://{_HOST}:{getattr(self, site)}"
