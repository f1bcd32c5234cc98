"""Control endpoints that change the world, for people with curl and for other processes."""

import json
import re
from typing import Any

from local.qonto_simulator.faults import Faults
from local.qonto_simulator.messages import JSON, RefusedError, Request, Response, json_response
from local.qonto_simulator.request_log import RequestLog
from local.qonto_simulator.subscriptions import Subscriptions
from local.qonto_simulator.timestamps import zulu
from local.qonto_simulator.world import World

PREFIX = "/_simulator/"
_ACTION = re.compile(PREFIX + r"invoices/([^/]+)/(edit|finalize|delete|regenerate_pdf)")


class Control:
    """Shows the state, installs faults, and does to invoices what people do in Qonto's app."""

    def __init__(self, world: World, subscriptions: Subscriptions, faults: Faults, log: RequestLog) -> None:
        self._world = world
        self._subscriptions = subscriptions
        self._faults = faults
        self._log = log

    def answer(self, request: Request) -> Response:
        """Answer a request under `/_simulator/`, or raise `RefusedError`."""
        action = _ACTION.fullmatch(request.path)
        try:
            match (request.method, request.path):
                case ("GET", "/_simulator/"):
                    return json_response(200, self._state())
                case ("POST", "/_simulator/faults"):
                    return self._change_faults(_fields(request))
                case ("POST", "/_simulator/invoices"):
                    return self._invoice(self._world.create(**_fields(request)), 201)
                case ("POST", _) if action is not None:
                    return self._act(action[1], action[2], _fields(request))
        except KeyError as error:
            raise RefusedError(404, "not_found", f"no such invoice: {error}") from error
        except (TypeError, ValueError, re.error) as error:
            raise RefusedError(422, "invalid", str(error)) from error
        raise RefusedError(404, "not_found", f"no such endpoint: {request.method} {request.path}")

    def _state(self) -> dict[str, Any]:
        return {
            "now": zulu(self._world.now()),
            "started_at": zulu(self._world.started_at),
            "seed": self._world.seed,
            "invoices": len(self._world.invoice_ids()),
            "attachments": len(self._world.attachment_ids()),
            "deleted": len(self._world.deleted_ids()),
            "webhook_subscriptions": len(self._subscriptions.live()),
            "fault_rate": self._faults.rate,
            "faults_fired": dict(sorted(self._faults.fired.items())),
            "requests": self._log.counts(),
        }

    def _change_faults(self, fields: dict[str, Any]) -> Response:
        if fields.pop("clear", False):
            self._faults.clear()
        if "rate" in fields:
            self._faults.rate = float(fields.pop("rate"))
        if fields:
            self._faults.install(**fields)
        return json_response(200, self._state())

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
