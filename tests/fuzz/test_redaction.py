"""No secret gets through, wherever in a text it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.qonto.redaction import redacted
from tests.fuzz.documents import budget

SECRET = "sEcReTmArKeR"
around = st.text(max_size=40) | st.sampled_from(
    ["", " ", "https://f", "?", "@", "Bearer", "iban:", '{"a": "', "%3F", "\\"]
)
unbroken = st.text(st.characters(exclude_categories=["Z", "C"]), max_size=20)
hiding = st.one_of(
    st.builds("https://files.example/{}?{}={}&{}".format, unbroken, unbroken, st.just(SECRET), unbroken),
    st.builds("/f?X-Amz-Signature={}{}".format, st.just(SECRET), unbroken),
    st.builds("{}@{}.example".format, st.just(SECRET), st.just(SECRET)),
    st.builds("Authorization: {}{}".format, st.sampled_from(["", "Bearer ", "Basic "]), st.just(SECRET)),
    st.builds("bearer {}{}".format, st.just(SECRET), unbroken),
    st.builds("FR76{}".format, st.just(SECRET)),
)


@budget(600)
@given(around, st.sampled_from([" ", "\n", '"', "(", ": "]), hiding, around)
def test_no_secret_is_let_through(before: str, between: str, hidden: str, after: str) -> None:
    """In the query of a URL, an address, a token or an account number."""
    assert SECRET not in redacted(f"{before}{between}{hidden} {after}")


@budget(200)
@given(st.lists(around | hiding).map("".join))
def test_what_is_redacted_stays_so(text: str) -> None:
    """Twice is as good as once: a log line may be made of what was redacted before."""
    assert redacted(redacted(text)) == redacted(text)
