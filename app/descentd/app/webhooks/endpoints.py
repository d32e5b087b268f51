"""POST /webhooks/alertmanager, /webhooks/cloudevents and /webhooks/alerts: signed, or with a token.

A signed delivery is added to the store's inbox once everything in it is recorded. Until then what it holds is recorded
under keys made from its identity, so that a server that is killed in between records nothing twice. A body counts at
one address only, because signatures do not cover the address: before anything of it is recorded, the address is written
to the inbox, where the first one stays, whichever process serves.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from descentd.app.auth.access_control import CHALLENGE, AccessControl
from descentd.app.auth.authentication import Principal
from descentd.app.auth.authorization import WEBHOOKS, check_webhook
from descentd.app.http import strict_json
from descentd.app.http.errors import Refusal, problem_response
from descentd.app.http.negotiation import ReadBudget, read_body, require_content_type
from descentd.app.server.lifespan import Lifespan
from descentd.app.webhooks import payloads
from descentd.app.webhooks.payloads import Notice
from descentd.app.webhooks.signatures import SignatureVerifier, VerifiedSignature, earlier_body_identity
from descentd.graph.model.errors import DescentError, Unauthenticated
from descentd.graph.store.operational import Arrival
from descentd.queries.production.alerts import Alert, take_alert
from descentd.queries.production.deployment_reports import take_report
from descentd.queries.production.webhook_receipts import Receipt, Recorded, receipts
from descentd.queries.registry import Registry

Read = Callable[[Headers, Any], Iterable[Notice]]
"""Reads the alerts and reports of a delivery from its headers and its JSON."""

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a delivery: one is read whole before its signature can be verified."""

_UNVERIFIED: Final = ReadBudget(total=32 * 1024 * 1024, each=8 * 1024 * 1024)
"""Bytes of all deliveries, and of those from one address, that are being read and not verified yet."""

_JSON: Final = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")


def _cloudevents(headers: Headers, body: Any) -> Iterable[Notice]:
    event = payloads.binary(headers, body) if "ce-type" in headers else body
    return payloads.cloudevents(event)


READERS: Final[dict[str, Read]] = {
    "/webhooks/alertmanager": lambda _headers, body: payloads.alertmanager(body),
    "/webhooks/cloudevents": _cloudevents,
    "/webhooks/alerts": lambda _headers, body: payloads.plain(body),
}


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Who sent a delivery; its signature where it has one; and its arrival before, where it was sent before."""

    principal: Principal
    signature: VerifiedSignature | None = None
    before: Arrival | None = None


class Webhook:
    """The ASGI application at one of the addresses in `READERS`."""

    def __init__(
        self,
        route: str,
        lifespan: Lifespan,
        access_control: AccessControl,
        verifier: SignatureVerifier,
        body_limit: int,
    ) -> None:
        self._route = route
        self._read = READERS[route]
        self._lifespan = lifespan
        self._access_control = access_control
        self._verifier = verifier
        self._limit = min(body_limit, LARGEST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive)
        try:
            await JSONResponse(await self._accept(request))(scope, receive, send)
        except ClientDisconnect:
            return
        except Refusal as refusal:
            await problem_response(refusal.problem, refusal.status, refusal.headers)(scope, receive, send)
        except DescentError as error:
            challenge = CHALLENGE if isinstance(error, Unauthenticated) else None
            await problem_response(error, headers=challenge)(scope, receive, send)

    async def _accept(self, request: Request) -> dict[str, Any]:
        delivery, body = await self._authenticate(request)
        require_content_type(request.headers, *_JSON)
        registry = self._lifespan.registry
        if delivery.before is None:
            # Everything is read before anything is recorded: a body that is wrong in part changes nothing.
            items = list(self._read(request.headers, await strict_json.read_in_turns(body)))
            if delivery.signature is not None:
                await self._bind(delivery)
            taken = [await _record(registry, item, i, delivery) for i, item in enumerate(items)]
        else:
            taken = [Recorded(id) for id in delivery.before.records]
        ids = tuple(one.id for one in taken)
        if (signature := delivery.signature) is not None:
            await registry.store.inbox.take(Arrival(signature.identity, signature.signed_at, ids))
        found = await receipts(registry, ids)
        await self._access_control.note(delivery.principal, self._route)
        records = [_shown(receipt, one.note) for receipt, one in zip(found, taken, strict=True)]
        return {"records": records, "redelivered": delivery.before is not None}

    async def _authenticate(self, request: Request) -> tuple[_Delivery, bytes]:
        """Who sends a delivery, whether it came before, and its body, which is read last where a token says who sends.

        Raises Unauthenticated and Forbidden, which are in the access log by then.
        """
        authorization = request.headers.getlist("authorization")
        signed = "webhook-signature" in request.headers or "x-hub-signature-256" in request.headers
        if authorization or not (signed or self._verifier.expected):
            principal = await self._access_control.know(request.scope, self._route, authorization)
            await self._access_control.permit(
                principal, self._route, lambda: check_webhook(self._route, principal.roles)
            )
            return _Delivery(principal), await read_body(request, self._limit)
        client = request.client.host if request.client else ""
        principal = Principal(self._route.rpartition("/")[2], WEBHOOKS[self._route], "signature", client, self._route)
        try:
            if not signed:
                self._verifier.verify(self._route, request.headers, b"")  # raises, before the body is read
            with _UNVERIFIED.reserve(client) as reserve:
                body = await read_body(request, self._limit, reserve)
                signature = self._verifier.verify(self._route, request.headers, body)
            return _Delivery(principal, signature, await self._arrived_before(signature, body)), body
        except Unauthenticated as error:
            self._access_control.refused_unknown(self._route, client, error)
            raise

    async def _arrived_before(self, signature: VerifiedSignature, body: bytes) -> Arrival | None:
        """The same delivery as it arrived before, None for a new one.

        Raises Unauthenticated for a replay: one that was not signed anew, or that another address accepted.
        """
        inbox = self._lifespan.registry.store.inbox
        bound = await inbox.arrived(signature.body_identity)
        if bound is not None and bound.records != (self._route,):
            raise _accepted_at(bound.records[0])
        for other in READERS:
            if other != self._route and await inbox.arrived(earlier_body_identity(other, body)) is not None:
                raise _accepted_at(other)
        before = await inbox.arrived(signature.identity)
        if before is not None and 0 < signature.signed_at <= before.sent:
            raise Unauthenticated(
                "This delivery was accepted already: to deliver it again, sign it with the current time."
            )
        return before

    async def _bind(self, delivery: _Delivery) -> None:
        """Bind the body of a signed delivery to this address; raises Unauthenticated where another one was first.

        Of one body that is delivered at two addresses at the same moment, the store keeps the address that comes first.
        """
        signature, inbox = delivery.signature, self._lifespan.registry.store.inbox
        assert signature is not None
        await inbox.take(Arrival(signature.body_identity, signature.signed_at, (self._route,)))
        bound = await inbox.arrived(signature.body_identity)
        if bound is not None and bound.records != (self._route,):
            raise _accepted_at(bound.records[0])


def _accepted_at(address: str | None) -> Unauthenticated:
    return Unauthenticated(
        f"This delivery was accepted at {address} already: a signed delivery counts at one address only."
    )


async def _record(registry: Registry, item: Notice, number: int, delivery: _Delivery) -> Recorded:
    key = None if delivery.signature is None else f"delivery:{delivery.signature.identity}:{number}"
    if isinstance(item, Alert):
        return await take_alert(registry, item, delivery.principal.person, key)
    return await take_report(registry, item, delivery.principal.person, key)


def _shown(outcome: Receipt, note: str | None) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "kind": outcome.kind.value if outcome.kind else None,
        "version": outcome.version,
        "status": outcome.status,
        "affected": [{"kind": kind.value, "count": count} for kind, count in outcome.affected.items()],
        **({} if note is None else {"note": note}),
    }
