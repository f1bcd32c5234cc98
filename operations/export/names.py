"""Names of exported files: `<issue date>_<number>_<client>.<extension>`. Pure.

Numbers and clients are texts from outside. Each name is a valid one on Windows, macOS and Linux, has at most
`LONGEST_NAME` characters, and no two are the same for a file system that ignores case.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST_NAME: Final = 120
_MOST_BYTES: Final = 240
"""Linux and macOS take 255."""
_LONGEST_PART: Final = 50
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*\s_]+')
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_EXTENSION: Final = re.compile(r"[a-z0-9]{1,5}")


def file_names(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """A name for the file of each row of an inventory, by the file's key. The same rows get the same names."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for row in rows:
        if key := row["file_key"]:
            names[key] = _unique(_stem(row), _extension(key), taken)
    return names


def date_of(row: Mapping[str, str]) -> str | None:
    """When the invoice was issued, or created if it is a draft, such as `2026-10-31`."""
    dates = (row[name][:10] for name in ("issue_date", "created_at"))
    return next(filter(_DATE.fullmatch, dates), None)


def _stem(row: Mapping[str, str]) -> str:
    parts = (date_of(row) or "undated", _part(row["number"], "no-number"), _part(row["client_name"], "no-client"))
    return "_".join(parts)


def _part(text: str, otherwise: str) -> str:
    """The text without what a file system does not take or a person does not see."""
    visible = "".join(each for each in unicodedata.normalize("NFC", text) if not _is_hidden(each))
    return _cut(_FORBIDDEN.sub("-", visible).strip(" .-"), _LONGEST_PART).rstrip(" .-") or otherwise


def _is_hidden(character: str) -> bool:
    # Control and format characters, such as those that reverse the direction of a text, and parts of none.
    return unicodedata.category(character)[0] == "C" and not character.isspace()


def _extension(key: str) -> str:
    extension = key.rpartition(".")[2]
    return extension if _EXTENSION.fullmatch(extension) else "bin"


def _unique(stem: str, extension: str, taken: set[str]) -> str:
    number = 1
    while True:
        suffix = f"-{number}" if number > 1 else ""
        room = LONGEST_NAME - len(suffix) - len(extension) - 1
        name = f"{_cut(stem, room, _MOST_BYTES).rstrip(' .-')}{suffix}.{extension}"
        folded = unicodedata.normalize("NFC", name.casefold())
        if folded not in taken:
            taken.add(folded)
            return name
        number += 1


def _cut(text: str, characters: int, most_bytes: int = _MOST_BYTES) -> str:
    """The beginning of the text; it ends before a character whose marks would be cut off."""
    length = min(characters, len(text))
    while len(text[:length].encode()) > most_bytes:
        length -= 1
    while 0 < length < len(text) and unicodedata.combining(text[length]):
        length -= 1
    return text[:length]
