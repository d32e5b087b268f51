"""The ASGI application of a server, assembled from its parts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from strawberry import Schema

from descentd.app.auth.access_control import AccessControl, AuthMiddleware
from descentd.app.auth.audit_log import AuditLog
from descentd.app.auth.authentication import Authenticator
from descentd.app.auth.authorization import FIELDS, PAGES, Table
from descentd.app.auth.authorization import TOOLS as TOOL_ROLES
from descentd.app.auth.token_key import TokenKey
from descentd.app.checkpoints.answers import AnswerSigner
from descentd.app.checkpoints.signer import Signer
from descentd.app.checkpoints.writer import CheckpointWriter
from descentd.app.explorer.explorer import Explorer
from descentd.app.explorer.signing_in import SigningIn
from descentd.app.graphql.documents import root_fields
from descentd.app.graphql.http import GraphQLEndpoint
from descentd.app.graphql.limits import Limits
from descentd.app.graphql.operations import Operations
from descentd.app.graphql.schema.root import schema as whole_schema
from descentd.app.graphql.websocket import WebSocketEndpoint
from descentd.app.http.bulk import Bulk
from descentd.app.http.errors import PROBLEM, problem_response
from descentd.app.http.middleware import RequestMiddleware
from descentd.app.http.negotiation import accepted
from descentd.app.http.origins import Origins
from descentd.app.http.records import Records
from descentd.app.mcp.endpoint import MCPEndpoint
from descentd.app.notifications.dispatcher import Dispatcher
from descentd.app.server.erosion_refresher import ErosionRefresher
from descentd.app.server.health import Health
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.metrics import Metrics
from descentd.app.server.retention import Retention
from descentd.app.server.settings import Settings
from descentd.app.server.signals import on_termination
from descentd.app.server.store_url import snapshot_file
from descentd.app.webhooks import admission
from descentd.app.webhooks.admission import Admission
from descentd.app.webhooks.endpoints import READERS, Webhook
from descentd.app.webhooks.signatures import SignatureVerifier
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.store.operational import Accounts
from descentd.graph.turns import take_turns

# What few servers need is imported by those that do, so that the others start sooner.
if TYPE_CHECKING:
    from descentd.app.auth.oidc_login import OIDCLogin
    from descentd.app.mcp.catalogue import Catalogue


def create(
    settings: Settings,
    schema: Schema = whole_schema,
    when_ready: Callable[[int], None] = lambda _: None,
    table: Table = FIELDS,
) -> Starlette:
    """The ASGI application, which calls `when_ready` with the number of records once it answers.

    `table` has the roles that may use each root field of `schema`. Raises InvalidInput if the settings name no store
    that can be used, or contradict each other.
    """
    lifespan = Lifespan(settings)
    access_control = _access_control(settings, lifespan)
    paths = [
        "/graphql",
        "/records",
        "/bulk",
        "/mcp",
        "/admission",
        "/checkpoint",
        "/livez",
        "/readyz",
        "/metrics",
        "/version",
    ]
    metrics = Metrics(root_fields(schema), [*paths, *PAGES], shared=settings.run_directory is not None)
    dispatcher = Dispatcher(settings, lambda: lifespan.registry, metrics)
    refresher = ErosionRefresher(
        lambda: lifespan.registry, metrics.assessed, path=snapshot_file(settings.store, "erosion")
    )
    signer = Signer.of(settings)
    answers = AnswerSigner(signer, lambda: lifespan.registry)
    operations = Operations(
        schema, Limits.of(settings), settings.request_timeout, lifespan, metrics, access_control, table, answers
    )
    retention = Retention(settings, lambda: lifespan.registry, signer)
    checkpoints = CheckpointWriter(
        signer,
        lambda: lifespan.registry,
        settings.checkpoint_every,
        writes=settings.checkpoints is not None,
    )
    health = Health(lifespan, metrics)
    explorer = Explorer(settings, lifespan, access_control)
    graphql = GraphQLEndpoint(operations, lifespan, metrics, settings.body_limit)
    mcp = MCPEndpoint(partial(_catalogue, operations, access_control, lifespan))
    verifier = SignatureVerifier(settings.webhook_secrets)
    bulk = Bulk(lifespan, metrics, access_control, settings.body_limit)
    routes: list[Route | WebSocketRoute] = [
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", WebSocketEndpoint(operations, access_control).connect),
        Route("/records", Records(lifespan, access_control, bulk)),
        Route("/bulk", bulk),
        Route("/mcp", mcp),
        *(
            Route(path, Webhook(path, lifespan, access_control, verifier, settings.body_limit), methods=["POST"])
            for path in READERS
        ),
        Route(admission.ROUTE, Admission(lifespan, access_control, settings.body_limit), methods=["POST"]),
        Route("/checkpoint", checkpoints.answer),
        Route("/livez", health.live),
        Route("/readyz", health.ready),
        Route("/metrics", health.metrics),
        Route("/version", health.version),
        *explorer.routes,
        *SigningIn(explorer, access_control, _login(settings)).routes,
    ]
    for route in routes:
        if route.app is graphql:
            by_session = AuthMiddleware(
                graphql, access_control, route.path, graphql.refusal, explorer.visitors.session_of
            )
            route.app = explorer.beside(by_session, route.path)
        else:
            route.app = AuthMiddleware(route.app, access_control, route.path)

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        with take_turns(asyncio.get_running_loop()), on_termination(lifespan.ending.set):
            await lifespan.start(when_ready, refresher.begin, dispatcher.begin)
            dispatcher.start()
            refresher.start()
            checkpoints.start()
            retention.start()
            explorer.start()
            try:
                yield
            finally:
                lifespan.ending.set()
                await mcp.stop()
                await explorer.stop()
                await refresher.stop()
                await dispatcher.stop()
                await retention.stop()
                await access_control.audit_log.close()
                await checkpoints.stop()
                await lifespan.stop()

    origins = Origins(settings.origins)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(
                RequestMiddleware,
                metrics=metrics,
                hosts=(*settings.hosts, settings.host),
                origins=origins,
                refusals={"/graphql": graphql.refusal},
            ),
            *origins.middleware,
        ],
        exception_handlers={HTTPException: partial(_http_exception, explorer)},
        lifespan=running,
    )
    app.state.registry = lambda: lifespan.registry
    app.state.ending = lifespan.ending
    app.router.redirect_slashes = False
    return app


def _access_control(settings: Settings, lifespan: Lifespan) -> AccessControl:
    def accounts() -> Accounts:
        return lifespan.registry.store.accounts

    verifier = None
    if settings.oidc:
        from descentd.app.auth.oidc import OIDCVerifiers

        verifier = OIDCVerifiers(settings)
    closed = verifier is not None or not settings.loopback
    return AccessControl(
        Authenticator(accounts, verifier, closed=closed, key=TokenKey(settings).read), AuditLog(accounts)
    )


def _login(settings: Settings) -> "OIDCLogin | None":
    if not settings.oidc_client_id:
        return None
    from descentd.app.auth.oidc_login import OIDCLogin

    return OIDCLogin(settings)


def _catalogue(operations: Operations, access_control: AccessControl, lifespan: Lifespan) -> "Catalogue":
    from descentd.app.mcp.catalogue import TOOLS, Catalogue

    return Catalogue(operations, access_control, lifespan, TOOLS, TOOL_ROLES)


async def _http_exception(explorer: Explorer, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        nothing = NotFound("Nothing is served at this address: check its path.")
        by_browser = accepted(request.headers, (PROBLEM, "text/html")) == "text/html"
        return await explorer.problem(request, None, nothing) if by_browser else problem_response(nothing)
    problem = InvalidInput(f"{error.detail}: {request.method} is not possible at this address.")
    return problem_response(problem, error.status_code, error.headers)
