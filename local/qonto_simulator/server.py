"""The simulator as a whole: a world behind two ports."""

from threading import Event, Thread
from types import TracebackType
from typing import Self

from local.qonto_simulator.api import Api
from local.qonto_simulator.behaviour import Behaviour
from local.qonto_simulator.control import Control
from local.qonto_simulator.deliveries import Deliveries
from local.qonto_simulator.faults import Faults
from local.qonto_simulator.files import Files
from local.qonto_simulator.http_server import HttpServer
from local.qonto_simulator.limits import Limiter, Limits
from local.qonto_simulator.oauth import OAuth, OAuthClient
from local.qonto_simulator.origins import TOKEN_PATH, ApiOrigin, Credentials, FaultInjector, FilesOrigin
from local.qonto_simulator.request_log import LoggedRequest, RequestLog
from local.qonto_simulator.subscriptions import Subscriptions
from local.qonto_simulator.world import World


class Simulator:
    """Serves a world over HTTP, from `start` (or entering the context) to `stop`.

    Port 0 takes any free port. `public_host` is the name that clients reach this machine by, if it is not
    `host`; the file URLs carry it. `limits=None` turns the rate limits off. Webhooks are sent when `webhooks.deliver`
    is called, or else by a thread, `webhooks_every` so many seconds.
    """

    def __init__(
        self,
        world: World,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        files_port: int = 0,
        public_host: str | None = None,
        login: str = "acme-4217",
        secret_key: str = "simulator-secret-key",  # noqa: S107 - nothing is behind it
        staging_token: str | None = None,
        oauth_client: OAuthClient | None = None,
        behaviour: Behaviour | None = None,
        limits: Limits | None = Limits(),  # noqa: B008 - frozen, and None means no limits
        faults: Faults | None = None,
        webhooks_every: float | None = None,
    ) -> None:
        self.world = world
        self.login = login
        self.secret_key = secret_key
        self.staging_token = staging_token
        self.oauth_client = oauth_client or OAuthClient()
        self.faults = faults or Faults()
        self._log = RequestLog()
        subscriptions = Subscriptions(world.seed, world.catch_up)
        self.webhooks = Deliveries(world, subscriptions, self.faults, self._log)
        self._webhooks_every = webhooks_every
        self._stopped = Event()
        self._courier = Thread(target=self._deliver, daemon=True)
        self._api_server = HttpServer(host, port, world.now)
        self._files_server = HttpServer(host, files_port, world.now)
        public_host = public_host or ("127.0.0.1" if host == "0.0.0.0" else host)  # noqa: S104 - compared, not bound
        self.api_url = f"http://{public_host}:{self._api_server.port}"
        self.files_origin = f"http://{public_host}:{self._files_server.port}"
        self.token_url = f"{self.api_url}{TOKEN_PATH}"
        files = Files(world, self.faults.invoices)
        fault_injector = FaultInjector(self.faults, self._log)
        self._files = FilesOrigin(files.answer, fault_injector)
        self._content = Api(world, files, self.files_origin, behaviour or Behaviour(), self.faults.invoices)
        self._api = ApiOrigin(
            world=world,
            api=self._content,
            subscriptions=subscriptions,
            oauth=OAuth(self.oauth_client, world.now),
            control=Control(world, subscriptions, self.faults, self._log),
            credentials=Credentials(login, secret_key, staging_token),
            limiter=None if limits is None else Limiter(limits),
            fault_injector=fault_injector,
        )

    @property
    def behaviour(self) -> Behaviour:
        """How the list endpoint behaves; can be set at any time, for the requests from then on."""
        return self._content.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._content.behaviour = behaviour

    def add_organization(self, login: str, secret_key: str, world: World) -> None:
        """Serve another organization to whoever sends this key: its list and its invoices, without their files."""
        files = Files(world, self.faults.invoices)
        api = Api(world, files, self.files_origin, self.behaviour, self.faults.invoices)
        self._api.organizations[f"{login}:{secret_key}"] = api

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests answered so far, without those to the control endpoints."""
        return self._log.all()

    def start(self) -> None:
        """Answer requests from now on, from threads of its own."""
        self._api_server.start(self._api.answer)
        self._files_server.start(self._files.answer)
        if self._webhooks_every is not None:
            self._courier.start()

    def stop(self) -> None:
        """Stop answering and free both ports."""
        self._stopped.set()
        if self._courier.is_alive():
            self._courier.join()
        self.webhooks.close()
        self._api_server.stop()
        self._files_server.stop()

    def _deliver(self) -> None:
        while not self._stopped.wait(self._webhooks_every):
            self.webhooks.deliver()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
