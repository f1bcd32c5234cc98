"""A headless browser."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

_BROWSERS: Final = ("chromium", "google-chrome", "chromium-browser")
_OPTIONS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
)


def installed() -> tuple[str, str] | None:
    """The paths of a browser and of its driver; None if one of them is not installed."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def open_browser(paths: tuple[str, str], profile: str) -> Iterator[webdriver.Chrome]:
    """Runs while it is open; `profile` is an empty folder."""
    browser, driver = paths
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for option in (*_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options, Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


def emulate(chrome: webdriver.Chrome, *, width: int, height: int, is_dark: bool = False) -> None:
    """The size of the page, and what the person prefers."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    preference = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})
