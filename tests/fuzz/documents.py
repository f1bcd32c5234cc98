"""JSON as an attacker or a broken serializer writes it: mutations of a valid document."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import Phase, settings
from hypothesis import strategies as st


class Spelled(str):
    """JSON text that is put into a document as it is; more than Python would ever write."""

    __slots__ = ()


class Twice(NamedTuple):
    """A member that an object has two times, with these values."""

    first: Any
    second: Any


def budget(examples: int) -> settings:
    """So many examples, always the same ones; a red one is not made smaller, which could take minutes."""
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate])


DEEP = Spelled('{"a":' * 100 + "[" * 12_000 + "]" * 12_000 + "}" * 100)

odd_texts = st.text(max_size=30) | st.sampled_from(
    [
        "",
        ".",
        "..",
        "../../other/invoice.json",
        "a/b?c#d",
        "\0\r\n",
        "x" * 201,
        "9" * 5_000,
        "\U0001f600" * 200,
        "\ud800",
        "unidentified-00000000000000000000000000000000",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-02-30",
        "2026-02-28T00:00:00Z",
        "draft",
    ]
)
odd_spellings = st.sampled_from(
    [
        Spelled(text)
        for text in (
            "1e999",
            "-0.0",
            "NaN",
            "-Infinity",
            "9" * 5_000,
            '"\\u0000"',
            '"\\uDFFF"',
            '"raw \x01 control"',
            "[]",
            "{}",
            '{"id": "a", "id": "b"}',
            '"' + "x" * 2_000 + '"',
        )
    ]
)
odd_scalars = st.none() | st.booleans() | st.integers() | st.integers(10**11, 10**13) | st.floats() | odd_texts
odd_values = (
    odd_scalars
    | odd_spellings
    | st.recursive(
        odd_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3)
    )
)


def spelled(value: Any) -> str:
    """The document as text."""
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, Twice):
        return spelled(value.first)
    if isinstance(value, dict):
        members = [(name, one) for name, part in value.items() for one in (part if isinstance(part, Twice) else [part])]
        return "{" + ", ".join(f"{json.dumps(name)}: {spelled(part)}" for name, part in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelled, value)) + "]"
    return json.dumps(value)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and name, or index, in the document."""
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for name, part in inner for place in [(value, name), *places(part)]]


@st.composite
def mutated(draw: st.DrawFn, skeleton: Any, *, most: int = 3) -> bytes:
    """The document with up to so many parts gone, replaced, doubled, or put somewhere deep."""
    document = [json.loads(json.dumps(skeleton))]
    for _ in range(draw(st.integers(0, most))):
        container, name = draw(st.sampled_from(places(document)))
        match draw(st.sampled_from(["replace", "replace", "remove", "double", "wrap", "deepen"])):
            case "replace":
                container[name] = draw(odd_values)
            case "remove" if container is not document:
                del container[name]
            case "double":
                container[name] = Twice(container[name], draw(odd_values))
            case "wrap":
                container[name] = [container[name]]
            case "deepen" if draw(st.integers(0, 9)) == 0:
                container[name] = DEEP
    return spelled(document[0]).encode("utf-8", "surrogatepass")


@st.composite
def corrupted(draw: st.DrawFn, documents: st.SearchStrategy[bytes]) -> bytes:
    """Some bytes of it cut off, written over, or slipped in between."""
    document = draw(documents)
    at = draw(st.integers(0, len(document)))
    junk = draw(
        st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"]", b",", b"\\", b"\xff", b"\xef\xbb\xbf", b"\0"])
    )
    match draw(st.sampled_from(["cut", "over", "between", "before", "behind"])):
        case "cut":
            return document[:at]
        case "over":
            return document[:at] + junk + document[at + len(junk) :]
        case "between":
            return document[:at] + junk + document[at:]
        case "before":
            return junk + document
        case _:
            return document + junk


INVOICE: dict[str, Any] = {
    "id": "cd6ee697-88e8-4165-bcdf-233a102bd2e5",
    "number": "F-2026-001",
    "status": "unpaid",
    "attachment_id": "2797a9c7-aac5-4e7e-a34a-b1102db49224",
    "created_at": "2026-02-27T10:00:00.123Z",
    "updated_at": "2026-02-28T10:00:00.123Z",
    "finalized_at": None,
    "total_amount": {"value": "1.10", "currency": "EUR"},
    "items": [{"title": "Té", "quantity": "1", "unit_price_cents": 110}],
    "client": {"name": "Jane", "email": "jane@acme.example"},
}
ATTACHMENT: dict[str, Any] = {
    "attachment": {
        "id": INVOICE["attachment_id"],
        "file_name": "F-2026-001.pdf",
        "file_size": "17",
        "url": "https://files.example/f?X-Amz-Signature=s",
    }
}
ERROR: dict[str, Any] = {"errors": [{"code": "invalid", "detail": "https://f/?X-Amz-Signature=s", "source": {}}]}
META: dict[str, Any] = {"current_page": 1, "next_page": None, "total_pages": 1, "total_count": 2, "per_page": 100}
