"""`python -m tests.browser.picture`: takes the picture of the page that README.md shows."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from operations.page import render_page
from tests.browser.chromium import emulate, installed, open_browser
from tests.browser.sample import sample_rows

_PICTURE = Path(__file__).parents[2] / "docs/page.png"


def main() -> int:
    """Returns 1 if no browser is installed."""
    paths = installed()
    if paths is None:
        sys.stderr.write("A browser and its driver are needed: apt-get install chromium chromium-driver\n")
        return 1
    about = "As certified 2026-11-27T02:41:08Z, certificate 212"
    content = render_page(sample_rows(420), title="Invoices of acme", about=about, link=lambda key: key)
    with tempfile.TemporaryDirectory() as folder, open_browser(paths, f"{folder}/profile") as chrome:
        page = Path(folder, "index.html")
        page.write_text(content, "utf-8")
        emulate(chrome, width=1280, height=860)
        chrome.get(page.as_uri())
        chrome.save_screenshot(str(_PICTURE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
