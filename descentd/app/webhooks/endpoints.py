"""POST /webhooks/alertmanager, /webhooks/cloudevents and /webhooks/alerts: signed, or with a token."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from descentd.app import strict_json
from descentd.app.accesses import now
from descentd.app.authorization import WEBHOOKS, check_webhook
from descentd.app.callers import Caller
from descentd.app.door import CHALLENGE, Door
from descentd.app.errors import Refusal, problem_response
from descentd.app.requests import read_body, require_content_type
from descentd.app.service import Service
from descentd.app.webhooks import payloads
from descentd.app.webhooks.payloads import Told
from descentd.app.webhooks.signatures import Signatures
from descentd.graph.errors import DescentError, Unauthenticated
from descentd.graph.people import Access
from descentd.queries.alerts import Outcome, take

Read = Callable[[Headers, Any, str | None], Iterable[Told]]
"""What a body tells, from its headers, its JSON, and the sender's id of the delivery."""

_JSON: Final = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")


def _cloudevents(headers: Headers, body: Any, _delivery: str | None) -> Iterable[Told]:
    binary = "ce-type" in headers
    return payloads.cloudevents(payloads.binary(headers, body) if binary else body)


READERS: Final[dict[str, Read]] = {
    "/webhooks/alertmanager": lambda _headers, body, _delivery: payloads.alertmanager(body),
    "/webhooks/cloudevents": _cloudevents,
    "/webhooks/alerts": lambda _headers, body, delivery: payloads.plain(body, delivery),
}


class Webhook:
    """The ASGI application at one of the addresses in `READERS`."""

    def __init__(self, route: str, service: Service, door: Door, signatures: Signatures, body_limit: int) -> None:
        self._route = route
        self._read = READERS[route]
        self._service = service
        self._door = door
        self._signatures = signatures
        self._limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive)
        try:
            response = JSONResponse({"records": [_shown(outcome) for outcome in await self._take(request)]})
            await response(scope, receive, send)
        except Refusal as refusal:
            await problem_response(refusal.problem, refusal.status, refusal.headers)(scope, receive, send)
        except DescentError as error:
            challenge = CHALLENGE if isinstance(error, Unauthenticated) else None
            await problem_response(error, headers=challenge)(scope, receive, send)

    async def _take(self, request: Request) -> list[Outcome]:
        body = await read_body(request, self._limit)
        caller, delivery = await self._sender(request, body)
        require_content_type(request.headers, *_JSON)
        # All of it is read before any of it is recorded: a body that is wrong in part changes nothing.
        told = list(self._read(request.headers, strict_json.read(body), delivery))
        registry = self._service.registry
        outcomes = [await take(registry, one, caller.person) for one in told]
        await self._door.note(caller, self._route)
        return outcomes

    async def _sender(self, request: Request, body: bytes) -> tuple[Caller, str | None]:
        """Who sends a delivery, and its id; raises Unauthenticated and Forbidden, which are noted by then."""
        client = request.client.host if request.client else ""
        authorization = request.headers.getlist("authorization")
        signed = "webhook-signature" in request.headers or "x-hub-signature-256" in request.headers
        if authorization or not (signed or self._signatures.expected):
            caller = await self._door.know(request.scope, self._route, authorization)
            await self._door.permit(caller, self._route, lambda: check_webhook(self._route, caller.roles))
            return caller, None
        try:
            delivery = self._signatures.check(request.headers, body)
        except Unauthenticated as error:
            refused = Access(now(), None, None, client, self._route, "", error.code.value, error.message)
            await self._door.accesses.keep(refused)
            raise
        person = self._route.rpartition("/")[2]
        return Caller(person, WEBHOOKS[self._route], "signature", client, self._route), delivery


def _shown(outcome: Outcome) -> dict[str, str | None]:
    return {
        "id": outcome.id,
        "kind": outcome.kind.value if outcome.kind else None,
        "version": outcome.version,
        "status": outcome.status,
    }
