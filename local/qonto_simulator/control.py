"""Control endpoints that change the world, for people with curl and for other processes."""

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from local.qonto_simulator.faults import Faults
from local.qonto_simulator.invoices import Upload
from local.qonto_simulator.messages import JSON, RefusedError, Request, Response, json_response
from local.qonto_simulator.request_log import RequestLog
from local.qonto_simulator.subscriptions import Subscriptions
from local.qonto_simulator.timestamps import zulu
from local.qonto_simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "/_simulator/"
_ACTION = re.compile(
    PREFIX + r"invoices/([^/]+)/(?:(edit|finalize|delete|regenerate_pdf)|(poison|hide|lose_file|restore))"
)
_TIMES = {"at", "created_at", "updated_at"}


class Control:
    """Shows the state, installs faults, and does to invoices what people do in Qonto's app."""

    def __init__(self, world: World, subscriptions: Subscriptions, faults: Faults, log: RequestLog) -> None:
        self._world = world
        self._subscriptions = subscriptions
        self._faults = faults
        self._log = log
        self._endpoints: dict[str, Callable[[dict[str, Any]], Response]] = {
            "/_simulator/faults": self._change_faults,
            "/_simulator/phantoms": self._add_phantom,
            "/_simulator/invoices": self._create,
            "/_simulator/create_many": self._create_many,
            "/_simulator/touch_many": self._touch_many,
        }

    def answer(self, request: Request) -> Response:
        """Answer a request under `/_simulator/`, or raise `RefusedError`."""
        action = _ACTION.fullmatch(request.path)
        try:
            match (request.method, request.path):
                case ("GET", "/_simulator/"):
                    return self._state()
                case ("POST", path) if path in self._endpoints:
                    return self._endpoints[path](_fields(request))
                case ("POST", _) if action is not None and action[2]:
                    return self._act(action[1], action[2], _fields(request))
                case ("POST", _) if action is not None:
                    return self._change_invoice_faults(action[1], action[3], _fields(request))
        except KeyError as error:
            raise RefusedError(404, "not_found", f"no such invoice: {error}") from error
        except (TypeError, ValueError, re.error) as error:
            raise RefusedError(422, "invalid", str(error)) from error
        raise RefusedError(404, "not_found", f"no such endpoint: {request.method} {request.path}")

    def _state(self) -> Response:
        state = {
            "now": zulu(self._world.now()),
            "started_at": zulu(self._world.started_at),
            "seed": self._world.seed,
            "invoices": len(self._world.invoice_ids()),
            "attachments": len(self._world.attachment_ids()),
            "deleted": len(self._world.deleted_ids()),
            "webhook_subscriptions": len(self._subscriptions.live()),
            "fault_rate": self._faults.rate,
            "faults_fired": dict(sorted(self._faults.fired.items())),
            "invoice_faults": self._faults.invoices.state(),
            "requests": self._log.counts(),
        }
        return json_response(200, state)

    def _change_faults(self, fields: dict[str, Any]) -> Response:
        if fields.pop("clear", False):
            self._faults.clear()
        if "rate" in fields:
            self._faults.rate = float(fields.pop("rate"))
        if fields:
            self._faults.install(**fields)
        return self._state()

    def _change_invoice_faults(self, invoice_id: str, change: str, fields: dict[str, Any]) -> Response:
        # For an id that does not exist.
        self._world.document(invoice_id)
        faults = self._faults.invoices
        match change:
            case "poison":
                faults.poison(invoice_id, **fields)
            case "hide":
                faults.hide(invoice_id, **fields)
            case "lose_file":
                faults.lose_file(invoice_id, **fields)
            case _:
                faults.restore(invoice_id, **fields)
        return self._state()

    def _add_phantom(self, fields: dict[str, Any]) -> Response:
        self._faults.invoices.add_phantom(**_with_times(fields))
        return self._state()

    def _create(self, fields: dict[str, Any]) -> Response:
        if "upload" in fields:
            fields["upload"] = _upload(**fields["upload"])
        return self._invoice(self._world.create(**fields), 201)

    def _create_many(self, fields: dict[str, Any]) -> Response:
        self._world.create_many(**_with_times(fields))
        return self._state()

    def _touch_many(self, fields: dict[str, Any]) -> Response:
        self._world.touch_many(**_with_times(fields))
        return self._state()

    def _act(self, invoice_id: str, action: str, fields: dict[str, Any]) -> Response:
        match action:
            case "edit":
                self._world.edit(invoice_id, **fields)
            case "finalize":
                self._world.finalize(invoice_id)
            case "regenerate_pdf":
                self._world.regenerate_pdf(invoice_id, **fields)
            case _:
                self._world.delete(invoice_id)
                return Response(204)
        return self._invoice(invoice_id, 200)

    def _invoice(self, invoice_id: str, status: int) -> Response:
        return Response(status, b'{"client_invoice":' + self._world.document(invoice_id) + b"}", JSON)


def _fields(request: Request) -> dict[str, Any]:
    fields = json.loads(request.body or b"{}")
    if not isinstance(fields, dict):
        raise TypeError("the body must be a JSON object")
    return fields


def _upload(*, file_name: Any, content_type: Any) -> Upload:
    if not isinstance(file_name, str):
        raise TypeError("the file_name of an upload is a text")
    return Upload(file_name, content_type)


def _with_times(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: datetime.fromisoformat(value) if name in _TIMES else value for name, value in fields.items()}
