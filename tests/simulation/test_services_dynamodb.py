"""DynamoDB in memory, as the simulation and the benchmark's server use it, and moto's: the same cases on all three."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import session
from tests.contract.table import create_state_table
from tests.fakes import ManualClock
from tests.simulation.error_codes import code_of
from tests.simulation.services import SimulatedDynamoDb


@pytest.fixture(params=["simulation", "bench", "moto"])
def table(request: pytest.FixtureRequest) -> Any:
    """A client, and a table with the template's keys."""
    match request.param:
        case "simulation":
            return SimulatedDynamoDb(ManualClock(), index_lag=timedelta), "state"
        case "bench":
            return session().client("dynamodb", endpoint_url=request.getfixturevalue("server")), "state"
        case _:
            return create_state_table(request.getfixturevalue("aws"))


def _item(pk: str, version: int, **more: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "version": {"N": str(version)}, **{name: {"S": text} for name, text in more.items()}}


ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}


PENDING: dict[str, Any] = {
    "IndexName": "pending",
    "KeyConditionExpression": "pending_for = :connection",
    "ExpressionAttributeValues": {":connection": {"S": "default"}},
}


def _over(version: int) -> dict[str, Any]:
    return {
        "ConditionExpression": "#version = :read_version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":read_version": {"N": str(version)}},
    }


def test_dynamodb_puts_on_conditions(table: Any) -> None:
    """It creates an item, or replaces the version that was read; the error has the item that is there."""
    client, name = table
    put = {"TableName": name, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    client.put_item(**put, Item=_item("a", 1), **ABSENT)
    client.put_item(**put, Item=_item("a", 2), **_over(1))
    for request in (ABSENT, _over(1)):
        with pytest.raises(ClientError) as caught:
            client.put_item(**put, Item=_item("a", 3), **request)
        answer: Any = caught.value.response
        assert answer["Error"]["Code"] == "ConditionalCheckFailedException"
        assert answer["Item"] == _item("a", 2)
    with pytest.raises(ClientError) as caught:
        client.put_item(**put, Item=_item("b", 3), **_over(2))
    assert not dict(caught.value.response).get("Item")


def test_dynamodb_updates_on_conditions(table: Any) -> None:
    """It creates the item, or changes the attributes that are set."""
    client, name = table
    update = {
        "TableName": name,
        "Key": {"pk": {"S": "c"}},
        "UpdateExpression": "SET run_id = :run_id, #version = :version",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    client.update_item(
        **update,
        ConditionExpression="attribute_not_exists(pk)",
        ExpressionAttributeNames={"#version": "version"},
        ExpressionAttributeValues={":run_id": {"S": "r1"}, ":version": {"N": "1"}},
    )
    condition = _over(1)
    condition["ExpressionAttributeValues"] |= {":run_id": {"S": "r2"}, ":version": {"N": "2"}}
    client.update_item(**update, **condition)
    assert code_of(client.update_item, **update, **condition) == "ConditionalCheckFailedException"
    found = client.get_item(TableName=name, Key={"pk": {"S": "c"}}, ConsistentRead=True)["Item"]
    assert found == _item("c", 2, run_id="r2")
    assert "Item" not in client.get_item(TableName=name, Key={"pk": {"S": "d"}}, ConsistentRead=True)


def test_dynamodb_replaces_what_exists_or_is_of_another_type(table: Any) -> None:
    """The conditions of a gap that is postponed, and of a row whose version is no number."""
    client, name = table
    exists = {"ConditionExpression": "attribute_exists(pk)"}
    no_number = {
        "ConditionExpression": "NOT attribute_type(#version, :number)",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":number": {"S": "N"}},
    }
    put = {"TableName": name}
    assert code_of(client.put_item, **put, Item=_item("a", 1), **exists) == "ConditionalCheckFailedException"
    client.put_item(**put, Item={"pk": {"S": "a"}, "version": {"S": "1"}}, **no_number)
    client.put_item(**put, Item={"pk": {"S": "a"}}, **no_number)
    client.put_item(**put, Item=_item("a", 1), **no_number)
    assert code_of(client.put_item, **put, Item=_item("a", 2), **no_number) == "ConditionalCheckFailedException"
    client.put_item(**put, Item=_item("a", 3), **exists)
    found = client.get_item(TableName=name, Key={"pk": {"S": "a"}}, ConsistentRead=True)["Item"]
    assert found == _item("a", 3)


def test_dynamodb_deletes(table: Any) -> None:
    """From the index, too; an item that does not exist is no error."""
    client, name = table
    client.put_item(TableName=name, Item=_item("a", 1, pending_for="default", due_at="1"), **ABSENT)
    for _ in range(2):
        client.delete_item(TableName=name, Key={"pk": {"S": "a"}})
    assert "Item" not in client.get_item(TableName=name, Key={"pk": {"S": "a"}}, ConsistentRead=True)
    assert client.query(TableName=name, **PENDING)["Items"] == []


def test_dynamodb_inserts_all_or_none(table: Any) -> None:
    """One item that exists already prevents all the others."""
    client, name = table

    def insert(*keys: str) -> dict[str, Any]:
        puts = [{"Put": {"TableName": name, "Item": _item(pk, 1), **ABSENT}} for pk in keys]
        return {"TransactItems": puts}

    client.transact_write_items(**insert("a", "b"))
    assert code_of(client.transact_write_items, **insert("c", "b")) == "TransactionCanceledException"
    answer = client.batch_get_item(RequestItems={name: {"Keys": [{"pk": {"S": pk}} for pk in "abc"]}})
    assert sorted(found["pk"]["S"] for found in answer["Responses"][name]) == ["a", "b"]


def test_dynamodb_gives_the_reasons_of_a_cancelled_transaction(table: Any) -> None:
    """One for each item, in their order; with the item that is there if the request asks for it."""
    client, name = table
    client.put_item(TableName=name, Item=_item("a", 1), **ABSENT)

    def refused(*puts: dict[str, Any]) -> dict[str, Any]:
        with pytest.raises(ClientError) as caught:
            client.transact_write_items(TransactItems=[{"Put": {"TableName": name, **put}} for put in puts])
        return dict(caught.value.response)

    absent = [{"Item": _item(pk, 2), **ABSENT} for pk in "ba"]
    shown = {**absent[1], "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    reasons = refused(*absent, {"Item": _item("c", 3), **_over(2)})["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed", "ConditionalCheckFailed"]
    assert not any("Item" in reason for reason in reasons)
    reasons = refused(shown, absent[0])["CancellationReasons"]
    assert [(reason["Code"], reason.get("Item")) for reason in reasons] == [
        ("ConditionalCheckFailed", _item("a", 1)),
        ("None", None),
    ]
    assert refused(absent[0], absent[0])["Error"]["Code"] == "ValidationException"


def test_dynamodb_reads_many(table: Any) -> None:
    """The items that exist, in any order."""
    client, name = table
    for pk in "ab":
        client.put_item(TableName=name, Item=_item(pk, 1), **ABSENT)
    keys = [{"pk": {"S": pk}} for pk in "abc"]
    answer = client.batch_get_item(RequestItems={name: {"Keys": keys, "ConsistentRead": True}})
    assert sorted(found["pk"]["S"] for found in answer["Responses"][name]) == ["a", "b"]
    assert not answer["UnprocessedKeys"]


def test_dynamodb_queries_what_is_pending(table: Any) -> None:
    """The items of one connection by `due_at`, over several pages."""
    client, name = table
    for pk, due_at in (("a", "5"), ("b", "1"), ("c", "3"), ("d", "9"), ("e", "1")):
        client.put_item(TableName=name, Item=_item(pk, 1, pending_for="default", due_at=due_at), **ABSENT)
    client.put_item(TableName=name, Item=_item("f", 1, pending_for="acme", due_at="1"), **ABSENT)
    client.put_item(TableName=name, Item=_item("g", 1), **ABSENT)
    query = {"TableName": name, **PENDING}
    found: list[str] = []
    while True:
        answer = client.query(**query)
        assert answer["Count"] == answer["ScannedCount"] == len(answer["Items"])
        found += [one["due_at"]["S"] for one in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            break
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    assert found == ["1", "1", "3", "5", "9"]


def test_dynamodb_limits_the_page_of_a_query(table: Any) -> None:
    """The next page begins after its last item, also among items with the same `due_at`."""
    client, name = table
    for pk in "cab":
        client.put_item(TableName=name, Item=_item(pk, 1, pending_for="default", due_at="1"), **ABSENT)
    query: dict[str, Any] = {"TableName": name, **PENDING, "Limit": 1}
    found: list[str] = []
    for _ in range(3):
        answer = client.query(**query)
        found += [one["pk"]["S"] for one in answer["Items"]]
        query["ExclusiveStartKey"] = answer.get("LastEvaluatedKey")
        assert len(found) == 3 or query["ExclusiveStartKey"].keys() == {"pk", "pending_for", "due_at"}
    assert sorted(found) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "request_",
    [
        {"ConditionExpression": "NOT attribute_exists(pk)"},
        {"ConditionExpression": "attribute_type(#version, :read_version)"},
        {"ConditionExpression": "#version <> :read_version"},
        {"ConditionExpression": "attribute_not_exists(pk) OR #version = :read_version"},
        {"UpdateExpression": "REMOVE run_id"},
        {"UpdateExpression": "SET run_id = if_not_exists(run_id, :read_version)"},
        {"UpdateExpression": "SET #version = #version + :read_version"},
        {"UpdateExpression": "SET run_id = :read_version REMOVE #version"},
    ],
)
def test_dynamodb_refuses_unsupported_expressions(request_: dict[str, str]) -> None:
    """In memory only: an expression is evaluated as in DynamoDB, or not at all."""
    client = SimulatedDynamoDb(ManualClock(), index_lag=timedelta)
    client.put_item(Item=_item("a", 1), **ABSENT)
    with pytest.raises(ValueError, match="unsupported"):
        client.update_item(
            **{"Key": {"pk": {"S": "a"}}, "UpdateExpression": "SET a = :read_version"} | _over(1) | request_
        )


@pytest.mark.parametrize("other", [{"IndexName": "another"}, {"KeyConditionExpression": "due_at = :connection"}])
def test_dynamodb_queries_the_index_by_its_partition_key_only(other: dict[str, str]) -> None:
    """In memory only."""
    with pytest.raises(ValueError, match="unsupported"):
        SimulatedDynamoDb(ManualClock(), index_lag=timedelta).query(**PENDING | other)


@pytest.mark.parametrize("missing", ["ExpressionAttributeNames", "ExpressionAttributeValues"])
def test_dynamodb_refuses_undefined_names_and_values(missing: str) -> None:
    """In memory only: moto responds to it with an internal error."""
    request = {name: value for name, value in _over(1).items() if name != missing}
    with pytest.raises(KeyError):
        SimulatedDynamoDb(ManualClock(), index_lag=timedelta).put_item(Item=_item("a", 1), **request)


def test_every_write_of_the_simulation_has_a_condition() -> None:
    """In the simulation only: without a condition it would not be a compare-and-swap."""
    with pytest.raises(ValueError, match="without a condition"):
        SimulatedDynamoDb(ManualClock(), index_lag=timedelta).put_item(Item=_item("a", 1))


def test_dynamodb_index_lags() -> None:
    """In the simulation only: a query may miss recent writes."""
    clock = ManualClock()
    client = SimulatedDynamoDb(clock, index_lag=lambda: timedelta(seconds=5))
    client.put_item(Item=_item("a", 1, pending_for="default", due_at="1"), **ABSENT)
    assert not client.query(**PENDING)["Items"]
    clock.advance(seconds=5)
    assert client.query(**PENDING)["Items"]
