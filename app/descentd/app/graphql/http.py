"""POST /graphql: GraphQL over HTTP; server-sent events for subscriptions, by GET too.

Follows the GraphQL-over-HTTP draft: under `application/graphql-response+json` an operation that could not be run is
a 4xx or 5xx; under `application/json` every well-formed request is answered with 200. Subscriptions are streamed in
the "distinct connections mode" of the GraphQL over SSE protocol; each event of the log has an id, with which an
EventSource in a browser connects again (`Last-Event-ID`).
"""

import asyncio
import gzip
import json
import time
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final

import orjson
from graphql import OperationType
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from descentd.app.auth.access_control import CHALLENGE, principal_of
from descentd.app.graphql.documents import NOT_PERSISTED, Request, RequestError
from descentd.app.graphql.operations import Event, Operations
from descentd.app.http import strict_json
from descentd.app.http.errors import STATUS, Refusal, Shape, fault, shaped
from descentd.app.http.negotiation import accepted, accepts_gzip, read_body, require_content_type
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.metrics import Metrics
from descentd.graph.model.errors import Code, DescentError, InvalidInput, Unauthenticated
from descentd.graph.turns import in_thread

RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
_LARGE: Final = 256 * 1024
"""Bytes from which an answer is compressed in a thread."""
_COMPRESSED: Final = 1400
"""Bytes from which an answer is compressed: what is smaller fits into one packet anyhow."""
_QUIET: Final = 12.0


class GraphQLEndpoint:
    """The ASGI application at /graphql."""

    def __init__(self, operations: Operations, lifespan: Lifespan, metrics: Metrics, body_limit: int) -> None:
        self._operations = operations
        self._lifespan = lifespan
        self._metrics = metrics
        self._limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = HTTPRequest(scope, receive)
        kind = RESPONSE
        try:
            kind = accepted(request.headers, (RESPONSE, JSON, EVENTS)) or kind
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except Refusal as refusal:
            response = self._refused(refusal.problem, refusal.status, kind, refusal.headers)
        except DescentError as error:
            response = self._refused(error, STATUS[error.code], kind)
        except Exception as error:
            response = self._refused(fault(error), 500, kind)
        await response(scope, receive, send)

    async def _answer(self, request: HTTPRequest) -> Response:
        kind = accepted(request.headers, (RESPONSE, JSON, EVENTS))
        if kind is None:
            raise Refusal(InvalidInput(f"Expected Accept to name {RESPONSE}, {JSON} or {EVENTS}."), 406)
        if request.method != "POST" and not (request.method == "GET" and kind == EVENTS):
            message = f"Expected POST: only subscriptions are asked for by GET, with Accept: {EVENTS}."
            raise Refusal(InvalidInput(message), 405, {"Allow": "POST"})
        principal = principal_of(request.scope)
        given = _from_url(request) if request.method == "GET" else await self._from_body(request)
        start = time.perf_counter()
        try:
            asked = Request.of(given)
            operation = await self._operations.documents.prepare(asked)
            request.scope["descent.operation"] = self._metrics.operation(operation.fields)
            if request.method == "GET" and operation.kind is not OperationType.SUBSCRIPTION:
                raise Refusal(InvalidInput("Expected a subscription: send all else by POST."), 405, {"Allow": "POST"})
            if kind == EVENTS:
                await self._operations.permit(operation, principal)
                last = request.headers.get("last-event-id") or None
                return self._stream(self._operations.answers(operation, asked.variables, principal, last))
            if operation.kind is OperationType.SUBSCRIPTION:
                message = f"A subscription is a stream: accept {EVENTS}, or use a WebSocket with graphql-transport-ws."
                raise Refusal(InvalidInput(message))
            answer = await self._operations.run(operation, asked.variables, principal)
            if asked.signed:
                await self._operations.sign(asked, operation, answer)
        except RequestError as error:
            answer = {"errors": error.errors}
        self._metrics.answered(request.scope.get("descent.operation"), time.perf_counter() - start)
        return await _respond(answer, kind, request.headers)

    async def _from_body(self, request: HTTPRequest) -> Any:
        require_content_type(request.headers, JSON)
        body = await read_body(request, self._limit)
        return await strict_json.read_in_turns(body)

    def refusal(self, scope: Scope, error: DescentError) -> Response:
        """The answer to a request that is not let in."""
        kind = accepted(Headers(scope=scope), (RESPONSE, JSON, EVENTS)) or RESPONSE
        challenge = CHALLENGE if isinstance(error, Unauthenticated) else None
        return self._refused(error, STATUS[error.code], kind, challenge)

    def _refused(
        self, problem: DescentError, status: int, kind: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        errors = shaped(problem)
        self._metrics.refused(error["extensions"]["code"] for error in errors)
        kind = RESPONSE if kind == EVENTS else kind
        return Response(encode({"errors": errors}), status, dict(headers or {}), media_type=kind)

    def _stream(self, answers: AsyncGenerator[Shape]) -> Response:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._frames(answers), media_type=EVENTS, headers=headers)

    async def _frames(self, answers: AsyncGenerator[Shape]) -> AsyncIterator[bytes]:
        """Answers as events, with a comment now and then that keeps the connection, until the server stops."""
        ending: asyncio.Future[Any] = asyncio.ensure_future(self._lifespan.ending.wait())
        following: asyncio.Future[Any] | None = None
        try:
            while not ending.done():
                following = following or asyncio.ensure_future(anext(answers, None))
                done, _ = await asyncio.wait({following, ending}, timeout=_QUIET, return_when=FIRST_COMPLETED)
                if not done:
                    yield b":\n\n"
                elif following in done:
                    answer, following = following.result(), None
                    if answer is None:
                        yield b"event: complete\ndata:\n\n"
                        return
                    yield _frame(answer)
        finally:
            ending.cancel()
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            await answers.aclose()


def _from_url(request: HTTPRequest) -> dict[str, Any]:
    """The parameters of a GET request in the shape of a body; raises InvalidInput where one is given twice."""
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise InvalidInput(f"The parameter {repr(name)[:80]} is given twice: give it once.")
        given[name] = value
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = strict_json.read(given[name].encode(), f"The parameter {name}")
    return given


def _frame(answer: Shape) -> bytes:
    """An answer as a server-sent event."""
    position = answer.position if isinstance(answer, Event) else None
    id = b"" if position is None else f"id: {position}\n".encode()
    return id + b"event: next\ndata: " + encode(answer) + b"\n\n"


async def _respond(answer: Shape, kind: str, headers: Headers) -> Response:
    status = 200
    if "data" not in answer and kind != JSON:
        code = answer["errors"][0]["extensions"]["code"]
        status = 400 if code == NOT_PERSISTED else STATUS[Code(code)]
    body = encode(answer)
    added = {"Vary": "Accept-Encoding"}
    if len(body) >= _COMPRESSED and accepts_gzip(headers):
        added["Content-Encoding"] = "gzip"
        large = len(body) > _LARGE
        body = await in_thread(gzip.compress, body, 1) if large else gzip.compress(body, 1)
    return Response(body, status, added, media_type=RESPONSE if kind == EVENTS else kind)


def encode(answer: Mapping[str, Any]) -> bytes:
    """JSON as it is sent; raises ValueError where a text of it holds half a character."""
    try:
        return orjson.dumps(answer)
    except TypeError:  # integers of more than 64 bits, and keys that are members of an enum
        return json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
