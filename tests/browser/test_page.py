"""The page as a bookkeeper sees it, and as somebody who puts markup into an invoice wants it to be seen."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from operations.page import render_page
from tests.browser.chromium import emulate, installed, open_browser
from tests.browser.sample import sample_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from selenium.webdriver import Chrome

# CI sets the variable, so that a missing browser is a failure there.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        installed() is None and "REQUIRE_BROWSER" not in os.environ,
        reason="no chromium and chromedriver are installed",
    ),
]
HOSTILE = "</script><img src=x onerror=\"document.title='executed'\">"


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for all tests."""
    paths = installed()
    assert paths, "apt-get install chromium chromium-driver"
    with open_browser(paths, str(tmp_path_factory.mktemp("profile"))) as opened:
        yield opened


type Show = Callable[[Sequence[dict[str, str]]], Page]


class Page:
    """The page in the browser."""

    def __init__(self, chrome: Chrome) -> None:
        self.chrome = chrome

    def texts(self, selector: str) -> list[str]:
        """What a person reads in these elements."""
        script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
        found: list[str] = self.chrome.execute_script(script, selector)
        return found

    def type(self, text: str) -> None:
        """Into the search box, in place of what is there."""
        box = self.chrome.find_element(By.ID, "search")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(text or Keys.DELETE)

    def choose(self, id_: str, value: str) -> None:
        """From a list, by its keyboard: a headless browser does not always open one."""
        self.chrome.find_element(By.ID, id_).send_keys(value)

    @property
    def count(self) -> str:
        """How many invoices are shown, of how many."""
        return self.texts("#count")[0]


@pytest.fixture
def show(chrome: Chrome, tmp_path: Path) -> Show:
    """Opens a page of these rows."""

    def opened(rows: Sequence[dict[str, str]]) -> Page:
        path = tmp_path / "index.html"
        path.write_text(render_page(rows, title="Invoices", about="", link=lambda key: f"archive/{key}"), "utf-8")
        emulate(chrome, width=1280, height=860)
        chrome.get_log("browser")  # type: ignore[no-untyped-call]
        chrome.get_log("performance")  # type: ignore[no-untyped-call]
        chrome.get(path.as_uri())
        return Page(chrome)

    return opened


def total(rows: Sequence[dict[str, str]], currency: str) -> str:
    """As the page shows it."""
    return f"{currency} {sum(Decimal(row['total_amount']) for row in rows if row['currency'] == currency):,.2f}"


def problems(chrome: Chrome) -> list[str]:
    """What the browser complains about, and what it asks the network for."""
    complaints = [entry["message"] for entry in chrome.get_log("browser")]  # type: ignore[no-untyped-call]
    events: list[Any] = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]  # type: ignore[no-untyped-call]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [*complaints, *(url for url in asked if not url.startswith("file:"))]


def test_totals_are_exact_and_follow_the_filters(show: Show) -> None:
    """In each currency, as Decimal computes them."""
    rows = sample_rows(300)
    page = show(rows)
    assert page.count == "300 of 300 invoices"
    expected = {total(rows, currency) for currency in ("EUR", "CHF", "GBP")}
    assert {text.replace("\xa0", " ") for text in page.texts(".card b")} == expected
    page.choose("status", "paid")
    page.choose("currency", "EUR")
    chosen = [row for row in rows if row["status"] == "paid" and row["currency"] == "EUR"]
    assert page.count == f"{len(chosen)} of 300 invoices"
    assert page.texts(".card b")[0].replace("\xa0", " ") == total(chosen, "EUR")
    assert problems(page.chrome) == []


def test_search_ignores_case_and_accents(show: Show) -> None:
    """And finds a client, a number and an amount."""
    rows = sample_rows(300)
    page = show(rows)
    page.type("chateau REAL")
    assert page.count == f"{sum(row['client_name'] == 'Château Réal' for row in rows)} of 300 invoices"
    page.type(rows[7]["number"])
    assert page.texts("#rows td:nth-child(2)") == [rows[7]["number"]]
    page.type("no such invoice")
    assert (page.count, page.texts("#empty")) == ("0 of 300 invoices", ["No invoice matches."])


def test_the_columns_are_sorted_by_keyboard(show: Show) -> None:
    """The focus stays on the heading, and says how it is sorted."""
    rows = sample_rows(50)
    page = show(rows)
    assert page.texts("#rows td:first-child") == sorted((row["issue_date"] for row in rows), reverse=True)
    page.chrome.find_element(By.CSS_SELECTOR, "[data-column=Client]").send_keys(Keys.ENTER)
    clients = page.texts("#rows td:nth-child(3)")
    assert (clients[0], clients[-1]) == ("Atelier Dupré", "Yves Thierry")
    page.chrome.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.texts("#rows td:nth-child(3)")[0] == "Yves Thierry"
    assert page.texts("th[aria-sort=descending] button") == ["Client ▾"]


def test_a_view_can_be_kept_as_a_bookmark(show: Show) -> None:
    """Filters and order are in the address; what it names and is not there is ignored."""
    page = show(sample_rows(300))
    page.choose("month", "2026-01")
    page.type("f-2026")
    assert page.count != "300 of 300 invoices"
    shown, address = page.texts("#rows td:nth-child(2)"), page.chrome.current_url
    page.chrome.get("about:blank")
    page.chrome.get(address)
    assert page.texts("#rows td:nth-child(2)") == shown
    page.chrome.get(address.partition("#")[0] + "#status=nonsense&sort=nonsense")
    page.chrome.refresh()
    assert page.count == "300 of 300 invoices"


def test_texts_from_outside_are_texts(show: Show) -> None:
    """Markup, long texts and odd keys are shown, and nothing of them runs or leads anywhere."""
    rows = sample_rows(3)
    rows[0] |= {"client_name": HOSTILE, "number": "\u202e<b>", "file_key": "javascript:alert(1)"}
    rows[1] |= {"client_name": "x" * 10_000, "total_amount": "=1+1", "currency": "<i>", "file_key": "a/../../b.pdf"}
    rows[2] |= {
        "status": HOSTILE,
        "reason": HOSTILE,
        "state": "pending",
        "file_key": "",
        "document_key": "a b/%2e#?.json",
    }
    page = show(rows)
    assert page.chrome.title == "Invoices"
    assert HOSTILE in page.texts("#rows td:nth-child(3)")
    assert "1 without an amount that can be read: in no sum" in page.texts(".card")
    script = "return [...document.querySelectorAll('#rows a')].map((each) => each.getAttribute('href'))"
    links: list[str] = page.chrome.execute_script(script)
    assert all(link.startswith("./archive/") for link in links)
    assert "./archive/javascript%3Aalert%281%29" in links
    assert "./archive/a%20b/%252e%23%3F.json" in links
    assert not [link for link in links if ".." in link]
    assert page.chrome.execute_script("return document.querySelectorAll('img, iframe, object').length") == 0
    assert problems(page.chrome) == []


def test_twenty_thousand_rows_are_drawn_in_parts(show: Show) -> None:
    """Only a hundred at first; the totals have them all."""
    rows = sample_rows(20_000)
    page = show(rows)
    assert page.count == "20,000 of 20,000 invoices"
    assert len(page.texts("#rows tr")) == 100
    page.chrome.find_element(By.ID, "more").click()
    assert len(page.texts("#rows tr")) == 200
    assert page.texts(".card b")[0].replace("\xa0", " ") == total(rows, "EUR")


def test_only_pending_ones_are_shown_on_demand(show: Show) -> None:
    """With the reason."""
    page = show(sample_rows(300))
    page.chrome.find_element(By.ID, "problems").click()
    assert page.count == "3 of 300 invoices"
    assert "pending: awaiting attachment" in page.texts("#rows .badge")
    page.chrome.find_element(By.ID, "reset").click()
    assert page.count == "300 of 300 invoices"


def test_an_empty_archive_says_so(show: Show) -> None:
    """Instead of an empty table alone."""
    page = show([])
    assert page.texts("#empty") == ["The archive has no invoices yet."]
    assert problems(page.chrome) == []


@pytest.mark.parametrize("is_dark", [False, True])
def test_it_fits_a_telephone(show: Show, is_dark: bool) -> None:  # noqa: FBT001 - a parameter
    """The table scrolls, the page does not; dark, if that is preferred."""
    page = show(sample_rows(60))
    emulate(page.chrome, width=360, height=740, is_dark=is_dark)
    assert page.chrome.execute_script("return document.documentElement.scrollWidth") <= 360
    background = page.chrome.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(20, 23, 27)") is is_dark
