"""The evaluator of policies decides as IAM does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.policies import Request, UnknownElement, is_allowed, parse, unused

TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/state"
BUCKET = "arn:aws:s3:::archive"
CONDITION = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["invoice#*", "refresh#*"]}}


def statement(action: Any, resource: Any, **others: Any) -> dict[str, Any]:
    """A statement that allows, unless given otherwise."""
    return {"Sid": "Some", "Effect": "Allow", "Action": action, "Resource": resource, **others}


def allows(request: Request, *statements: dict[str, Any]) -> bool:
    """Whether a policy of these statements does."""
    return is_allowed(parse({"Version": "2012-10-17", "Statement": list(statements)}), request)


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("s3:GetObject", f"{BUCKET}/*", True),
        (["s3:PutObject", "s3:GetObject"], [BUCKET, f"{BUCKET}/*"], True),
        ("s3:getobject", f"{BUCKET}/a/?.pdf", True),
        ("s3:Get*", "*", True),
        ("s3:GetObject", "arn:aws:s3:*:*:archive/a*", True),
        ("s3:GetObjectVersion", f"{BUCKET}/*", False),
        ("s3:PutObject", f"{BUCKET}/*", False),
        ("s3:GetObject", BUCKET, False),
        ("s3:GetObject", f"{BUCKET}/A/*", False),
        ("s3:GetObject", f"{BUCKET}/a/b?.pdf", False),
        ("s3:GetObject", f"{BUCKET}/[a]/b.pdf", False),
        ("s3:GetObject", "arn:aws:s3:*", False),
    ],
)
def test_wildcards(action: Any, resource: Any, *, expected: bool) -> None:
    """They stand for any text, in an ARN for any text within a segment, and nothing else does."""
    assert allows(Request("s3:GetObject", f"{BUCKET}/a/b.pdf"), statement(action, resource)) is expected


def test_nothing_is_allowed_by_itself() -> None:
    """A request that no statement covers is denied."""
    assert not allows(Request("s3:GetObject", BUCKET))


def test_deny_wins() -> None:
    """Wherever it stands, and only over what it is about."""
    allow, deny = statement("s3:*", f"{BUCKET}/*"), statement("s3:*", f"{BUCKET}/kept/*", Effect="Deny")
    for both in ((allow, deny), (deny, allow)):
        assert not allows(Request("s3:PutObject", f"{BUCKET}/kept/a"), *both)
        assert allows(Request("s3:PutObject", f"{BUCKET}/a"), *both)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"invoice#a", "refresh#b"}, True),
        ({"invoice#a", "checkpoint#a"}, False),
        ({"Invoice#a"}, False),
        # ForAllValues holds for none: it restricts only what always names its keys.
        (set(), True),
    ],
)
def test_each_leading_key_has_to_fit(keys: set[str], *, expected: bool) -> None:
    """One permission that matches no pattern is enough for a denial."""
    request = Request("dynamodb:GetItem", TABLE, frozenset(keys))
    assert allows(request, statement("dynamodb:GetItem", TABLE, Condition=CONDITION)) is expected


@pytest.mark.parametrize(
    "others",
    [
        {"Condition": {"StringLike": {"dynamodb:LeadingKeys": ["invoice#*"]}}},
        {"Condition": {"ForAllValues:StringLike": {"dynamodb:Attributes": ["pk"]}}},
        {"Condition": CONDITION | {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {}},
        {"NotAction": "s3:*"},
        {"Effect": "allow"},
    ],
)
def test_what_is_unknown_is_an_error(others: dict[str, Any]) -> None:
    """It could allow more, or less, than it seems to."""
    with pytest.raises(UnknownElement):
        allows(Request("s3:GetObject", BUCKET), statement("s3:GetObject", BUCKET, **others))


def test_what_nobody_needs_is_unused() -> None:
    """An action on one of its resources, a pattern of keys, and what is allowed twice; to deny is no permission."""
    policy = parse(
        {
            "Statement": [
                statement(["s3:GetObject", "s3:PutObject"], ["a", "b"], Sid="Objects"),
                statement("dynamodb:GetItem", "t", Sid="Items", Condition=CONDITION),
                statement("sqs:SendMessage", "q", Sid="First"),
                statement("sqs:SendMessage", "*", Sid="Second"),
                statement("sqs:SendMessage", "r", Sid="Denied", Effect="Deny"),
            ]
        }
    )
    needed = [
        Request("s3:GetObject", "a"),
        Request("s3:PutObject", "b"),
        Request("dynamodb:GetItem", "t", frozenset({"invoice#1"})),
        Request("sqs:SendMessage", "q"),
    ]
    assert unused(policy, needed) == [
        "Objects allows s3:PutObject on a",
        "Objects allows s3:GetObject on b",
        "Items allows refresh#* on t",
        "First allows sqs:SendMessage on q",
        "Second allows sqs:SendMessage on *",
    ]
