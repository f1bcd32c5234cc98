"""The documentation: each link leads somewhere, and each page can be found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, override

import pytest

from qonto_sync.domain.errors import InvalidSettings
from qonto_sync.settings import Settings, WebhookSettings
from tests.markdown import anchors, links
from tests.unit.test_settings import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "bench/README.md")),
        *DOCS.rglob("*.md"),
    ]
)


class Recorder(Mapping[str, str]):
    """An empty environment that records what is looked up."""

    def __init__(self) -> None:
        """Starts with nothing looked up."""
        self.names: set[str] = set()

    @override
    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(())

    @override
    def __len__(self) -> int:
        return 0


def name(page: Path) -> str:
    """Gives a page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """To a file or folder of the repository, and to a heading that the file has."""
    for link in links(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    """A promise with the name of a test that is gone would look tested."""
    files = [path for path in (ROOT / "tests").rglob("*.py") if "__pycache__" not in path.parts]
    defined = {found for path in files for found in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}
    named = re.findall(r"`((?:tests/[\w/]+/)?test_\w+(?:\.py)?)`", page.read_text())
    for test in named:
        assert test in defined or any(path.as_posix().endswith(f"/{test}") for path in files), test


@pytest.mark.parametrize("folder", [DOCS, DOCS / "decisions"], ids=name)
def test_every_page_is_in_its_folders_index(folder: Path) -> None:
    """Once, so that a reader of the index finds all pages."""
    index = folder / "README.md"
    listed = [link for link in links(index.read_text()) if "/" not in link]
    assert sorted(listed) == sorted(page.name for page in folder.glob("*.md") if page != index)


@pytest.mark.parametrize("page", sorted(DOCS.glob("decisions/[0-9]*.md")), ids=name)
def test_every_decision_has_the_title_that_the_index_gives_it(page: Path) -> None:
    """Its number and its title are the same in both places."""
    number, _, title = page.read_text().partition("\n")[0].removeprefix("# ").partition(". ")
    assert page.name.startswith(f"{int(number):04}-")
    assert f"\n{number}. [{title}]({page.name})\n" in (page.parent / "README.md").read_text()


@pytest.mark.parametrize("kind", [Settings, WebhookSettings])
def test_every_optional_variable_is_explained(kind: type[Settings | WebhookSettings]) -> None:
    """docs/parameters.md has each variable that has a default, with that default, and no other."""
    section = (DOCS / "parameters.md").read_text().partition("\n## Environment variables\n")[2]
    common, _, of_webhooks = section.partition("\nOf `WebhookFunction`:\n")
    rows = re.findall(r"^\| `(\w+)` \| ([\d ]+) \|", common if kind is Settings else of_webhooks, re.MULTILINE)
    documented = {name: default.replace(" ", "") for name, default in rows}
    recorder = Recorder()
    with pytest.raises(InvalidSettings) as missing:
        kind.from_environment(recorder)
    assert documented.keys() == {name for name in recorder.names if f"{name} is missing" not in str(missing.value)}
    assert kind.from_environment(GOOD | documented) == kind.from_environment(GOOD)
