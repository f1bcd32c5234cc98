"""Checks of arguments. Each error names the argument, its value, and what is accepted."""

from __future__ import annotations

from operations.aws import WrongArgument
from operations.resources import LONGEST_ALARM
from qonto_sync.domain.ids import CONNECTION_PATTERN, ConnectionName


def connection_name(text: str) -> ConnectionName:
    """The name, if a connection that is not the stack's own can be called so.

    Raises:
        WrongArgument: It is missing, not a name, or the stack's own.
    """
    if text == "default":
        raise WrongArgument(
            "NAME is 'default', but that connection belongs to the stack: switch it on or off with the stack's"
            " parameter DefaultSchedule"
        )
    return any_connection_name(text)


def any_connection_name(text: str) -> ConnectionName:
    """The name, if a connection can be called so.

    Raises:
        WrongArgument: It is missing, or not a name.
    """
    if not text:
        raise WrongArgument("NAME is missing: say which connection, such as acme")
    if not CONNECTION_PATTERN.fullmatch(text):
        raise WrongArgument(
            f"NAME is {text!r}, but must be 1 to 64 letters, digits, '-' and '_', the first a letter or a digit,"
            " such as acme"
        )
    return ConnectionName(text)


def schedule_expression(text: str) -> str:
    """The expression, if it recurs; whether it is a good one, only EventBridge Scheduler knows.

    Raises:
        WrongArgument: It would run once, or not at all.
    """
    if not text.startswith(("rate(", "cron(")):
        raise WrongArgument(f"--schedule is {text!r}, but must be like 'rate(1 hour)' or 'cron(0 6 * * ? *)' (UTC)")
    return text


def stalled_after(text: str) -> int | None:
    """Hours in which no run of the connection may catch up; None if nothing is said.

    Raises:
        WrongArgument: No alarm can wait so long.
    """
    if not text:
        return None
    if text not in map(str, range(1, LONGEST_ALARM + 1)):
        raise WrongArgument(f"--stalled-after is {text!r}, but must be 1 to {LONGEST_ALARM}, in hours")
    return int(text)
