"""A smaller world: processes that refresh the token of one connection at the same time, and a strict OAuth server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.state_table import StateTable
from qonto_sync.clock import CappedDeadline
from qonto_sync.domain.errors import CredentialsRejected, Retriable
from qonto_sync.domain.secret import Tokens
from qonto_sync.domain.times import from_text, to_text
from qonto_sync.usecases.token_refresh import GRACE, TokenRefresh
from tests.fakes import CONNECTION, CountedDeadline
from tests.simulation.decisions import Kind
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import SimulatedDynamoDb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.simulation.decisions import Decisions
    from tests.simulation.scheduler import Process

START = datetime(2026, 3, 1, tzinfo=UTC)

_SECONDS = (0.1, 1.0, 3.0)
"""How long a call to AWS may take."""
_EXCHANGE_SECONDS = (0.2, 5.0, 17.0)
"""How long the token endpoint may take; the client's timeout is 18 s."""
_SECOND_PROCESS_AFTER = (0.0, 0.1, 0.5, 2.0, 10.0, 19.9, 25.0, 70.0)
_REDELIVERY_SECONDS = 5
_MAX_RECEIVE_COUNT = 8
_EXPIRES_IN = timedelta(hours=1)


@dataclass(slots=True)
class OAuthServer:
    """Accepts each refresh token for one exchange, and for repetitions of that exchange within the grace period.

    A strict server revokes the tokens of all repetitions but the last.
    """

    clock: Scheduler
    strict: bool
    first_used: dict[str, datetime] = field(default_factory=dict)
    successors: dict[str, str] = field(default_factory=dict)
    valid: set[str] = field(default_factory=lambda: {"token-0"})
    _issued: count[int] = field(default_factory=lambda: count(1))

    def exchange(self, refresh_token: str) -> Tokens:
        """Issues a new pair of tokens.

        Raises:
            CredentialsRejected: The refresh token is not valid, or its grace period is over.
        """
        now = self.clock.now()
        if refresh_token not in self.valid or now > self.first_used.setdefault(refresh_token, now) + GRACE:
            raise CredentialsRejected("simulated invalid_grant")
        if self.strict:
            self.valid.discard(self.successors.get(refresh_token, ""))
        successor = self.successors[refresh_token] = f"token-{next(self._issued)}"
        self.valid.add(successor)
        return Tokens(f"access-{successor}", now + _EXPIRES_IN, successor)

    def accepts(self, fields: Mapping[str, str]) -> bool:
        """Whether an exchange with this secret would be accepted now."""
        token = fields["refresh_token"]
        return token in self.valid and self.clock.now() <= self.first_used.get(token, self.clock.now()) + GRACE


class RefreshWorld:
    """Two processes find the token about to expire; a queue message repeats an exchange that was interrupted.

    An hour later, a third process must be able to refresh the token again.
    """

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self.scheduler = scheduler = Scheduler(START)
        self.server = OAuthServer(scheduler, strict=bool(decisions.pick("world", "strict", Kind.WORLD, 2)))
        self.secret = {"client_id": "c", "client_secret": "s", "refresh_token": "token-0", "expires_at": to_text(START)}
        self.dynamodb = SimulatedDynamoDb(scheduler, index_lag=timedelta)
        self.trace: list[str] = []
        self.problems: list[str] = []
        self._deliveries = count(1)
        self._owners = count(1)

    def run(self) -> list[str]:
        """Runs the world, and returns what went wrong."""
        delay = _SECOND_PROCESS_AFTER[
            self._decisions.pick("world", "second process", Kind.START, len(_SECOND_PROCESS_AFTER))
        ]
        self.scheduler.spawn("one", 120, self._refresh)
        self.scheduler.after(delay, partial(self.scheduler.spawn, "two", 120, self._refresh))
        self._run_for(timedelta(hours=1))
        self._decisions.quiet = True
        if not self.server.accepts(self.secret):
            self.problems.append("the connection is locked out")
        self.scheduler.spawn("three", 120, self._refresh)
        self._run_for(timedelta(hours=2))
        if (
            not self.server.accepts(self.secret)
            or (from_text(self.secret.get("expires_at")) or START) <= START + _EXPIRES_IN
        ):
            self.problems.append("an hour later, the token was not refreshed")
        self.scheduler.close()
        return self.problems

    def _run_for(self, until: timedelta) -> None:
        self.scheduler.run(START + until, stop=lambda: False)

    def _refresh(self, process: Process) -> None:
        try:
            fields = self._read()
            if (from_text(fields.get("expires_at")) or START) - self.scheduler.now() > timedelta(minutes=5):
                return
            renewed = self._use_case().refresh(fields)
        except Retriable as error:
            self._log(process, f"fails: {error}")
        except CredentialsRejected as error:
            self.problems.append(f"{process.name}: {error}")
        else:
            self._log(process, f"uses {renewed['access_token']}")

    def _finish(self, process: Process) -> None:
        done = False
        try:
            self._use_case().recover()
            done = True
        except (Retriable, CredentialsRejected) as error:
            self._log(process, f"fails: {error}")
        finally:
            if not done:
                self.scheduler.after(_REDELIVERY_SECONDS, self._deliver)

    def _deliver(self) -> None:
        if (number := next(self._deliveries)) < _MAX_RECEIVE_COUNT:
            self.scheduler.spawn(f"worker-{number}", 120, self._finish)

    def _use_case(self) -> TokenRefresh:
        dynamodb: Any = _Client(self)
        deadline = CappedDeadline(100, self.scheduler, CountedDeadline())
        return TokenRefresh(
            CONNECTION,
            secret=_Secret(self),
            endpoint=_Endpoint(self),
            leases=DynamoDbRefreshLeases(StateTable(dynamodb, "state")),
            queue=_Queue(self),
            clock=self.scheduler,
            deadline=deadline,
            new_owner=lambda: f"owner-{next(self._owners)}",
        )

    def _read(self) -> dict[str, str]:
        read: dict[str, str] = self.call("secret.read", lambda: dict(self.secret), _READ_FAULTS)
        return read

    def call(
        self, place: str, apply: Callable[[], Any], faults: Sequence[str], seconds: Sequence[float] = _SECONDS
    ) -> Any:
        """Makes a call of the current process, which may be slow, fail, lose its response, or crash the process."""
        process = self.scheduler.current
        pick = partial(self._decisions.pick, process.name, place)
        one_way = seconds[pick(Kind.DELAY, len(seconds))] / 2
        process.pause(one_way)
        crash = pick(Kind.CRASH, 3)
        if crash == 1:
            self._log(process, f"crashes before {place}")
            process.crash()
        fault = (None, *faults)[pick(Kind.FAULT, 1 + len(faults))]
        if fault == "refused":
            self._log(process, f"{place} is refused")
            raise Retriable("simulated")
        answer = apply()
        self._log(process, f"{place}{f': {answer!r}' if place == 'exchange' else ''}")
        if crash == 2:
            self._log(process, f"crashes after {place}")
            process.crash()
        if fault == "lost response":
            self._log(process, f"{place} loses its response")
            raise Retriable("simulated")
        process.pause(one_way)
        return answer

    def odd(self, tokens: Tokens) -> Tokens:
        """The tokens as the answer has them: perhaps without an access token, or with one that expires soon."""
        match self._decisions.pick(self.scheduler.current.name, "answer", Kind.FAULT, 3):
            case 1:
                return replace(tokens, access_token=None)
            case 2:
                return replace(tokens, expires_at=self.scheduler.now() + timedelta(minutes=10))
            case _:
                return tokens

    def _log(self, process: Process, line: str) -> None:
        self.trace.append(f"{self.scheduler.now():%H:%M:%S} {process.name} {line}")


_READ_FAULTS = ("refused",)
_WRITE_FAULTS = ("refused", "lost response")


@dataclass(frozen=True, slots=True)
class _Secret:
    world: RefreshWorld
    name: str = "qonto/default"

    def read(self, *, fresh: bool = False) -> Mapping[str, str]:
        assert fresh, "what another process wrote must be seen"
        return self.world._read()

    def write(self, fields: Mapping[str, str]) -> None:
        def replace_all() -> None:
            self.world.secret = dict(fields)

        self.world.call("secret.write", replace_all, _WRITE_FAULTS)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    world: RefreshWorld

    def exchange(self, fields: Mapping[str, str]) -> Tokens:
        exchange = partial(self.world.server.exchange, fields["refresh_token"])
        tokens: Tokens = self.world.call("exchange", exchange, _WRITE_FAULTS, _EXCHANGE_SECONDS)
        return self.world.odd(tokens)


@dataclass(frozen=True, slots=True)
class _Queue:
    world: RefreshWorld

    def schedule_recovery(self, _: str, delay_seconds: int) -> bool:
        send = partial(self.world.scheduler.after, delay_seconds, self.world._deliver)
        try:
            self.world.call("sqs.send", send, _WRITE_FAULTS)
        except Retriable:
            return False
        return True

    def send(self, _: Any) -> list[Any]:
        raise AssertionError("no invoice is retried here")

    def delay(self, _receipt: str, _seconds: int) -> None:
        raise AssertionError("the event source does that")


@dataclass(frozen=True, slots=True)
class _Client:
    """The boto3 client as far as the adapter uses it."""

    world: RefreshWorld

    def get_item(self, **request: Any) -> Any:
        return self.world.call("dynamodb.get_item", partial(self.world.dynamodb.get_item, **request), ())

    def put_item(self, **request: Any) -> Any:
        return self.world.call("dynamodb.put_item", partial(self.world.dynamodb.put_item, **request), _WRITE_FAULTS)
