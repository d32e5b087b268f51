"""Bulk registration: manifests as NDJSON, a transaction on each line, answered line by line as they are recorded."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import repeat
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from descentd.app.auth.access_control import AccessControl, principal_of
from descentd.app.auth.authentication import Principal
from descentd.app.auth.authorization import check_manifest
from descentd.app.graphql.http import encode
from descentd.app.http import strict_json
from descentd.app.http.bulk_lines import Lines
from descentd.app.http.errors import Refusal, extensions, fault, problems, refusal_response
from descentd.app.http.negotiation import require_content_type
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.metrics import Metrics
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput, Unavailable
from descentd.graph.registration.bulk import Outcome, register_each
from descentd.graph.registration.metric_scope import turned_round
from descentd.graph.registration.register import with_all_problems
from descentd.graph.store.base import Reads
from descentd.graph.turns import in_thread
from descentd.queries.lineage.kinship import kinship_warnings_of
from descentd.queries.registry import Registry

NDJSON: Final = "application/x-ndjson"
_AHEAD: Final = 2
"""Batches of lines that are read and checked, or written, at a time: one is ready when another has been written."""
_WAITING: Final = 16 * 1024 * 1024
"""Bytes of answers to one request that may wait to be received."""


class _Answers:
    """The answers that wait to be sent, in order; whoever adds to them waits while they are too many."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._size = 0
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, answer: bytes | None) -> None:
        """Add an answer, None after the last."""
        await self._room.wait()
        self._queue.put_nowait(answer)
        self._size += len(answer or b"")
        if self._size >= _WAITING:
            self._room.clear()

    async def get(self) -> bytes | None:
        """The next answer, or None after the last."""
        answer = await self._queue.get()
        self._size -= len(answer or b"")
        if self._size < _WAITING:
            self._room.set()
        return answer


_Read = ManifestInput | DescentError | None
Manifests = list[_Read]


class Bulk:
    """The ASGI application that registers manifests, each a line in the shape of ManifestInput.

    Who loses the connection sends the lines again that were not answered: what was recorded adds nothing.

    The body is read whether or not the answers are, since many clients send all before they read. Answers wait in
    memory, up to `_WAITING` bytes; from then on no more is read until the client receives some, and one that receives
    nothing for a minute is given up.
    """

    def __init__(self, lifespan: Lifespan, metrics: Metrics, access_control: AccessControl, line_limit: int) -> None:
        self._lifespan = lifespan
        self._metrics = metrics
        self._access_control = access_control
        self._limit = line_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive)
        try:
            if request.method != "POST":
                raise Refusal(InvalidInput("Expected POST: send manifests by POST."), 405, {"Allow": "POST"})
            principal = principal_of(scope)
            require_content_type(request.headers, NDJSON)
            registry = self._lifespan.registry
        except (Refusal, DescentError) as error:
            await refusal_response(error)(scope, receive, send)
            return
        headers = [(b"content-type", NDJSON.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        answers = _Answers()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._register(request, registry, principal, answers))
            while (answer := await answers.get()) is not None:
                await send({"type": "http.response.body", "body": answer, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        await self._access_control.note(principal, "bulk")

    async def _register(self, request: Request, registry: Registry, principal: Principal, answers: _Answers) -> None:
        number = 1
        lines = Lines(request.stream(), self._limit)
        room = asyncio.Semaphore(_AHEAD)
        last: asyncio.Task[None] | None = None

        async def write(before: asyncio.Task[None] | None, manifests: Manifests, number: int) -> None:
            if before is not None:
                await before
            await self._write(manifests, number, registry, principal, answers)
            room.release()

        async with asyncio.TaskGroup() as group:
            reading = group.create_task(lines.read())
            try:
                while batch := await lines.take():
                    if self._lifespan.ending.is_set():
                        raise Unavailable("The server is stopping: send this line and those after it again.")
                    await room.acquire()
                    last = group.create_task(write(last, await in_thread(_manifests, batch), number))
                    number += len(batch)
            except ClientDisconnect:
                pass
            except DescentError as error:
                if last is not None:
                    await last
                await answers.put(self._refused(number, error))
            reading.cancel()
        await answers.put(None)

    async def _write(
        self,
        read: Manifests,
        number: int,
        registry: Registry,
        principal: Principal,
        answers: _Answers,
    ) -> None:
        """Register a batch whose first line has a number, and answer it."""
        read = [await self._permitted(manifest, principal, registry.store) for manifest in read]
        manifests = [manifest for manifest in read if isinstance(manifest, ManifestInput)]
        outcomes: Iterator[Outcome]
        try:
            outcomes = iter(await register_each(registry.committer, manifests, principal.person))
        except Exception as error:
            outcomes = repeat(fault(error))
        written = []
        for line, manifest in enumerate(read, number):
            outcome = next(outcomes) if isinstance(manifest, ManifestInput) else manifest
            if isinstance(outcome, Invalid) and outcome.given is not None:
                with suppress(Unavailable):
                    outcome = await with_all_problems(registry.store, outcome)
            if isinstance(outcome, DescentError):
                written.append(self._refused(line, outcome))
            elif outcome is not None:
                answer: dict[str, Any] = {"line": line, "created": outcome.created, "existing": outcome.existing}
                with suppress(Unavailable):  # it is recorded, whether or not kin can be looked for
                    if warnings := await kinship_warnings_of(registry, outcome.digests):
                        answer["warnings"] = warnings
                written.append(encode(answer) + b"\n")
        await answers.put(b"".join(written))

    async def _permitted(self, manifest: _Read, principal: Principal, reads: Reads) -> _Read:
        """A manifest that may be registered, or what is wrong with it or with who sends it."""
        if not isinstance(manifest, ManifestInput):
            return manifest
        try:
            turned = await turned_round(manifest, reads)
            check = partial(check_manifest, manifest, principal.roles, turned)
            await self._access_control.permit(principal, "bulk", check)
        except DescentError as error:
            return error
        return manifest

    def _refused(self, line: int, error: DescentError) -> bytes:
        found = problems(error)
        self._metrics.refused(problem.code for problem in found)
        return encode({"line": line, "errors": [{"message": p.message, **extensions(p)} for p in found]}) + b"\n"


def _manifests(lines: Sequence[bytes]) -> Manifests:
    """What each line holds; None for an empty one."""
    found: Manifests = []
    for line in lines:
        try:
            found.append(ManifestInput.read(strict_json.read(line, "The line")) if line.strip() else None)
        except DescentError as error:
            found.append(error)
    return found
