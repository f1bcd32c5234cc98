"""The two origins that clients connect to; limits, faults and authentication come before the content."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from local.qonto_simulator.api import Api
from local.qonto_simulator.control import PREFIX, Control
from local.qonto_simulator.fault_responses import login_page, spoiled
from local.qonto_simulator.faults import Fault, FaultKind, Faults, OriginName
from local.qonto_simulator.limits import Limiter
from local.qonto_simulator.messages import RefusedError, Request, Response
from local.qonto_simulator.oauth import OAuth
from local.qonto_simulator.request_log import LoggedRequest, RequestLog
from local.qonto_simulator.subscriptions import PATH as SUBSCRIPTIONS_PATH
from local.qonto_simulator.subscriptions import SCOPE as SUBSCRIPTIONS_SCOPE
from local.qonto_simulator.subscriptions import Subscriptions
from local.qonto_simulator.world import World

TOKEN_PATH = "/oauth2/token"
_UNAUTHORIZED = 401

type Answer = Callable[[Request], Response]
# None: the connection breaks without an answer.
type Origin = Callable[[Request], Response | None]


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials that the API accepts; a staging token only in the sandbox."""

    login: str = "acme-4217"
    secret_key: str = field(default="simulator-secret-key", repr=False)
    staging_token: str | None = field(default=None, repr=False)


class FaultInjector:
    """Answers requests, or injects a fault instead, and logs the response."""

    def __init__(self, faults: Faults, log: RequestLog) -> None:
        self._faults = faults
        self._log = log

    def around(self, origin: OriginName, request: Request, answer: Answer) -> Response | None:
        """Return the response, or the fault's instead of it."""
        fault = self._faults.draw(origin, request)
        if fault is None:
            response: Response | None = answer(request)
        else:
            if fault.kind is FaultKind.SLOW:
                self._faults.wait(fault)
            response = spoiled(fault, origin, lambda: answer(request))
        self.note(origin, request, response, fault)
        return response

    def note(self, origin: OriginName, request: Request, response: Response | None, fault: Fault | None = None) -> None:
        """Log the response."""
        self._log.add(
            LoggedRequest(
                origin=origin,
                method=request.method,
                path=request.path,
                query=request.query if origin == "api" else "",
                status=None if response is None else response.status,
                fault=None if fault is None else fault.kind,
            )
        )


class ApiOrigin:
    """`thirdparty.qonto.com`, its OAuth server, and the control endpoints, on one port."""

    def __init__(
        self,
        *,
        world: World,
        api: Api,
        subscriptions: Subscriptions,
        oauth: OAuth,
        control: Control,
        credentials: Credentials,
        limiter: Limiter | None,
        fault_injector: FaultInjector,
    ) -> None:
        self._world = world
        self._api = api
        self._subscriptions = subscriptions
        self._oauth = oauth
        self._control = control
        self._credentials = credentials
        self._limiter = limiter
        self._fault_injector = fault_injector
        self.organizations: dict[str, Api] = {}
        """Others, by the API key that reads them."""

    def answer(self, request: Request) -> Response | None:
        """Answer a request, or None to break the connection."""
        if request.path.startswith(PREFIX):
            return _answer_or_refuse(request, self._control.answer)
        if self._limiter is None:
            return self._fault_injector.around("api", request, self._answer)
        now = self._world.now()
        wait = self._limiter.admit(request.client_ip, now)
        if wait is not None:
            refusal = RefusedError(429, "too_many_requests", "Rate limit exceeded")
            response: Response | None = refusal.response(*self._limiter.retry_after(wait, now))
            self._fault_injector.note("api", request, response)
            return response
        response = self._fault_injector.around("api", request, self._answer)
        if response is not None and response.status == _UNAUTHORIZED:
            self._limiter.count_unauthorized(request.client_ip, self._world.now())
        return response

    def _answer(self, request: Request) -> Response:
        staging_token = self._credentials.staging_token
        if staging_token is not None and request.headers.get("x-qonto-staging-token") != staging_token:
            return login_page()
        if request.path == TOKEN_PATH:
            return self._oauth.answer(request)
        return _answer_or_refuse(request, self._answer_authenticated)

    def _answer_authenticated(self, request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if other := self.organizations.get(given):
            return other.answer(request)
        scheme, _, token = given.partition(" ")
        api_key = f"{self._credentials.login}:{self._credentials.secret_key}"
        if scheme == "Bearer":
            allowed = self._oauth.is_valid(token)
        else:
            allowed = hmac.compare_digest(given.encode(), api_key.encode())
        if not allowed:
            raise RefusedError(_UNAUTHORIZED, "unauthorized", "Invalid credentials")
        if request.path.startswith(SUBSCRIPTIONS_PATH):
            # An API key has no scopes at all.
            if scheme != "Bearer" or not self._oauth.grants(SUBSCRIPTIONS_SCOPE):
                raise RefusedError(403, "forbidden", "missing required oauth scope")
            return self._subscriptions.answer(request)
        return self._api.answer(request)


class FilesOrigin:
    """The bucket's host, which has no limits, and no credentials but the URL."""

    def __init__(self, answer: Answer, fault_injector: FaultInjector) -> None:
        self._answer = answer
        self._fault_injector = fault_injector

    def answer(self, request: Request) -> Response | None:
        """Answer a request, or None to break the connection."""
        return self._fault_injector.around("files", request, self._answer)


def _answer_or_refuse(request: Request, answer: Answer) -> Response:
    try:
        return answer(request)
    except RefusedError as refusal:
        return refusal.response()
