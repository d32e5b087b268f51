"""/records: GET streams the log as NDJSON, an entry a line; POST registers manifests, a line each, as /bulk does."""

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from descentd.app.auth.access_control import AccessControl, principal_of
from descentd.app.auth.authentication import Principal
from descentd.app.auth.authorization import check_route
from descentd.app.graphql.http import encode
from descentd.app.http.bulk import NDJSON, Bulk
from descentd.app.http.errors import Refusal, fault, refusal_response, shaped
from descentd.app.http.negotiation import accepted
from descentd.app.server.lifespan import Lifespan
from descentd.graph.model.errors import DescentError, InvalidInput, Unavailable
from descentd.graph.model.log import Head
from descentd.graph.model.log_lines import end_line, entry_line
from descentd.graph.store.base import Reads

_BATCH: Final = 500
"""Entries that are in memory at once; the next are read when these have been received."""

_SEQUENCE: Final = re.compile("0|[1-9][0-9]{0,15}")


class Records:
    """The ASGI application at /records.

    The log is as long as it was when the request came, and its last line says so. `?after=SEQUENCE` goes on behind an
    entry. Who may not read any more is refused at the next entries, as is everybody while the server stops: the last
    line then has `errors`, and the log is not whole.
    """

    def __init__(self, lifespan: Lifespan, access_control: AccessControl, bulk: Bulk) -> None:
        self._lifespan = lifespan
        self._access_control = access_control
        self._bulk = bulk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["method"] == "POST":
            await self._bulk(scope, receive, send)
            return
        try:
            principal = principal_of(scope)
            request = Request(scope)
            if request.method != "GET":
                raise Refusal(
                    InvalidInput("Expected GET, which reads the log, or POST, which sends manifests."),
                    405,
                    {"Allow": "GET, POST"},
                )
            if accepted(request.headers, (NDJSON,)) is None:
                raise Refusal(InvalidInput(f"The log is of type {NDJSON}: accept that."), 406)
            store = self._lifespan.registry.store
            head = await store.head()
            after = _after(request, head)
        except (Refusal, DescentError) as error:
            await refusal_response(error)(scope, receive, send)
            return
        await self._access_control.note(principal, "records")
        lines = self._lines(store, after, head, principal)
        await StreamingResponse(lines, headers={"X-Accel-Buffering": "no"}, media_type=NDJSON)(scope, receive, send)

    async def _lines(self, reads: Reads, after: int, head: Head, principal: Principal) -> AsyncIterator[bytes]:
        """The entries behind a sequence, some lines at a time, and the end; or the reason why it stops before."""
        check = partial(check_route, "/records", principal.roles)
        try:
            for start in range(after, head.sequence, _BATCH):
                await self._access_control.permit(principal, "records", check)
                if self._lifespan.ending.is_set():
                    raise Unavailable(f"The server is stopping: go on with ?after={start}.")
                entries = await reads.entries(range(start + 1, min(start + _BATCH, head.sequence) + 1))
                yield b"".join(map(entry_line, entries))
            yield end_line(head)
        except Exception as error:
            errors = shaped(error if isinstance(error, DescentError) else fault(error))
            yield encode({"errors": errors}) + b"\n"


def _after(request: Request, head: Head) -> int:
    """The sequence behind which the log is wanted. Raises InvalidInput."""
    given = request.query_params.getlist("after")
    if (unknown := sorted(request.query_params.keys() - {"after"})) or len(given) > 1:
        wrong = unknown[0] if unknown else "after"
        raise InvalidInput(f"Expected at most one parameter, after, got {repr(wrong)[:80]}: leave out the rest.", wrong)
    if not given:
        return 0
    if not _SEQUENCE.fullmatch(given[0]):
        raise InvalidInput(f"Expected the sequence of an entry, got {repr(given[0])[:80]}.", "after")
    if int(given[0]) > head.sequence:
        raise InvalidInput(
            f"Expected at most {head.sequence}, the newest entry of this registry, got {given[0]}: what was read "
            "before is of another registry, or this one was put back to an older copy.",
            "after",
        )
    return int(given[0])
