"""POST /webhooks/alertmanager, /webhooks/cloudevents and /webhooks/alerts: signed, or with a token.

A signed delivery is kept in the store's inbox once all that it told is recorded. Until then what it told goes by its
identity, so that a server that is killed in between records nothing twice.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from descentd.app.auth.access_control import CHALLENGE, AccessControl
from descentd.app.auth.authentication import Principal
from descentd.app.auth.authorization import WEBHOOKS, check_webhook
from descentd.app.http import strict_json
from descentd.app.http.errors import Refusal, problem_response
from descentd.app.http.negotiation import read_body, require_content_type
from descentd.app.server.lifespan import Lifespan
from descentd.app.webhooks import payloads
from descentd.app.webhooks.payloads import Notice
from descentd.app.webhooks.signatures import Signatures, Signed
from descentd.graph.model.accounts import Access
from descentd.graph.model.clock import now
from descentd.graph.model.errors import DescentError, Unauthenticated
from descentd.graph.store.operational import Arrival
from descentd.queries.production.alerts import Alert, take_alert
from descentd.queries.production.receipts import Receipt, Recorded, receipts
from descentd.queries.production.reports import take_report
from descentd.queries.registry import Registry

Read = Callable[[Headers, Any], Iterable[Notice]]
"""What a body tells, from its headers and its JSON."""

_JSON: Final = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")


def _cloudevents(headers: Headers, body: Any) -> Iterable[Notice]:
    return payloads.cloudevents(payloads.binary(headers, body) if "ce-type" in headers else body)


READERS: Final[dict[str, Read]] = {
    "/webhooks/alertmanager": lambda _headers, body: payloads.alertmanager(body),
    "/webhooks/cloudevents": _cloudevents,
    "/webhooks/alerts": lambda _headers, body: payloads.plain(body),
}


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Who delivers; how it is signed, where it is; and the same delivery as it came before, where it did."""

    principal: Principal
    signed: Signed | None = None
    before: Arrival | None = None


class Webhook:
    """The ASGI application at one of the addresses in `READERS`."""

    def __init__(
        self,
        route: str,
        lifespan: Lifespan,
        access_control: AccessControl,
        signatures: Signatures,
        body_limit: int,
    ) -> None:
        self._route = route
        self._read = READERS[route]
        self._lifespan = lifespan
        self._access_control = access_control
        self._signatures = signatures
        self._limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive)
        try:
            await JSONResponse(await self._take(request))(scope, receive, send)
        except Refusal as refusal:
            await problem_response(refusal.problem, refusal.status, refusal.headers)(scope, receive, send)
        except DescentError as error:
            challenge = CHALLENGE if isinstance(error, Unauthenticated) else None
            await problem_response(error, headers=challenge)(scope, receive, send)

    async def _take(self, request: Request) -> dict[str, Any]:
        body = await read_body(request, self._limit)
        delivery = await self._delivery(request, body)
        require_content_type(request.headers, *_JSON)
        registry = self._lifespan.registry
        if delivery.before is None:
            # All of it is read before any of it is recorded: a body that is wrong in part changes nothing.
            told = list(self._read(request.headers, strict_json.read(body)))
            taken = [await _take(registry, one, i, delivery) for i, one in enumerate(told)]
        else:
            taken = [Recorded(id) for id in delivery.before.records]
        ids = tuple(one.id for one in taken)
        if delivery.signed is not None:
            await registry.store.inbox.take(Arrival(delivery.signed.identity, delivery.signed.sent, ids))
        held = await receipts(registry, ids)
        await self._access_control.note(delivery.principal, self._route)
        shown = [_shown(outcome, one.note) for outcome, one in zip(held, taken, strict=True)]
        return {"records": shown, "redelivered": delivery.before is not None}

    async def _delivery(self, request: Request, body: bytes) -> _Delivery:
        """Who sends a delivery, and whether it came before; raises Unauthenticated and Forbidden, noted by then."""
        client = request.client.host if request.client else ""
        authorization = request.headers.getlist("authorization")
        signed = "webhook-signature" in request.headers or "x-hub-signature-256" in request.headers
        if authorization or not (signed or self._signatures.expected):
            principal = await self._access_control.know(request.scope, self._route, authorization)
            await self._access_control.permit(
                principal, self._route, lambda: check_webhook(self._route, principal.roles)
            )
            return _Delivery(principal)
        person = self._route.rpartition("/")[2]
        principal = Principal(person, WEBHOOKS[self._route], "signature", client, self._route)
        try:
            found = self._signatures.check(self._route, request.headers, body)
            return _Delivery(principal, found, await self._before(found))
        except Unauthenticated as error:
            refused = Access(now(), None, None, client, self._route, "", error.code.value, error.message)
            await self._access_control.audit_log.keep(refused)
            raise

    async def _before(self, signed: Signed) -> Arrival | None:
        """The same delivery as it came before; raises Unauthenticated for a replay, which was not signed anew."""
        before = await self._lifespan.registry.store.inbox.arrived(signed.identity)
        if before is not None and 0 < signed.sent <= before.sent:
            raise Unauthenticated("This delivery came before: deliver again with a timestamp and signature of now.")
        return before


async def _take(registry: Registry, told: Notice, number: int, delivery: _Delivery) -> Recorded:
    key = None if delivery.signed is None else f"delivery:{delivery.signed.identity}:{number}"
    if isinstance(told, Alert):
        return await take_alert(registry, told, delivery.principal.person, key)
    return await take_report(registry, told, delivery.principal.person, key)


def _shown(outcome: Receipt, note: str | None) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "kind": outcome.kind.value if outcome.kind else None,
        "version": outcome.version,
        "status": outcome.status,
        "affected": [{"kind": kind.value, "count": count} for kind, count in outcome.affected.items()],
        **({} if note is None else {"note": note}),
    }
