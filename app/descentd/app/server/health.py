"""The endpoints for operators and their tools: liveness, readiness, metrics and version."""

import platform
from contextlib import suppress
from importlib import metadata

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from descentd.app.http.errors import problem_response
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.metrics import Metrics
from descentd.graph.model.errors import Unavailable


class Health:
    """The endpoints for operators."""

    def __init__(self, lifespan: Lifespan, metrics: Metrics) -> None:
        self._lifespan = lifespan
        self._metrics = metrics

    async def live(self, _request: Request) -> Response:
        """200 while the process answers at all, whatever its store does."""
        return JSONResponse({"live": True})

    async def ready(self, _request: Request) -> Response:
        """200 once questions can be answered, 503 while the store cannot be reached.

        `readOnly` is there where nothing can be recorded, because the store may only be read.
        """
        try:
            answer = {"ready": True, "sequence": await self._lifespan.sequence()}
            if self._lifespan.registry.store.read_only:
                answer["readOnly"] = True
            return JSONResponse(answer)
        except Unavailable as error:
            return problem_response(error)

    async def metrics(self, _request: Request) -> Response:
        """The metrics, in the text format of Prometheus."""
        with suppress(Unavailable):
            self._metrics.reached(await self._lifespan.sequence())
        return self._metrics.response()

    async def version(self, _request: Request) -> Response:
        """The versions of the server and of Python."""
        return JSONResponse(
            {"name": "descentd", "version": metadata.version("descentd"), "python": platform.python_version()}
        )
