"""Puts the parts of a server together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from strawberry import Schema

from descentd.app.auth.access_control import Door, Guarded
from descentd.app.auth.audit_log import Accesses
from descentd.app.auth.authentication import Callers
from descentd.app.auth.authorization import FIELDS, Table
from descentd.app.auth.oidc import Identities
from descentd.app.graphql.http import GraphQLEndpoint
from descentd.app.graphql.limits import Limits
from descentd.app.graphql.operations import Operations, root_fields
from descentd.app.graphql.schema.root import schema as whole_schema
from descentd.app.graphql.websocket import WebSocketEndpoint
from descentd.app.http.bulk import Bulk
from descentd.app.http.errors import problem_response
from descentd.app.http.middleware import Edge
from descentd.app.notifications.dispatcher import Office
from descentd.app.server.erosion_refresher import Keeper
from descentd.app.server.health import Health
from descentd.app.server.lifespan import Service
from descentd.app.server.metrics import Metrics
from descentd.app.server.settings import Settings
from descentd.app.server.signals import told_to_stop
from descentd.app.webhooks.endpoints import READERS, Webhook
from descentd.app.webhooks.signatures import Signatures
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.store.accounts import People


def create(
    settings: Settings,
    schema: Schema = whole_schema,
    when_ready: Callable[[int], None] = lambda _: None,
    table: Table = FIELDS,
) -> Starlette:
    """The ASGI application, which calls `when_ready` with the number of records once it answers.

    `table` says who may ask for which field of `schema`. Raises InvalidInput where the settings name no store that can
    be used, or cannot be meant.
    """
    service = Service(settings)
    door = _door(settings, service)
    names = [field[0].upper() + field[1:] for field in root_fields(schema)]
    paths = ["/graphql", "/bulk", "/livez", "/readyz", "/metrics", "/version"]
    metrics = Metrics(names, paths, shared=settings.run_directory is not None)
    office = Office(settings, lambda: service.registry, metrics)
    keeper = Keeper(lambda: service.registry, metrics.assessed)
    operations = Operations(schema, Limits.of(settings), settings.request_timeout, service, metrics, door, table)
    health = Health(service, metrics)
    graphql = GraphQLEndpoint(operations, service, metrics, settings.body_limit)
    signatures = Signatures(settings.webhook_secrets)
    routes: list[Route | WebSocketRoute] = [
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", WebSocketEndpoint(operations, door).connect),
        Route("/bulk", Bulk(service, metrics, door, settings.body_limit)),
        *(
            Route(path, Webhook(path, service, door, signatures, settings.body_limit), methods=["POST"])
            for path in READERS
        ),
        Route("/livez", health.live),
        Route("/readyz", health.ready),
        Route("/metrics", health.metrics),
        Route("/version", health.version),
    ]
    refusals = {"/graphql": graphql.refusal}
    for route in routes:
        route.app = Guarded(route.app, door, route.path, refusals.get(route.path))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        with told_to_stop(service.ending.set):
            await service.start(when_ready, office.begin)
            office.start()
            keeper.start()
            try:
                yield
            finally:
                service.ending.set()
                await keeper.stop()
                await office.stop()
                await door.accesses.close()
                await service.stop()

    app = Starlette(
        routes=routes,
        middleware=[Middleware(Edge, metrics=metrics, hosts=(*settings.hosts, settings.host), refusals=refusals)],
        exception_handlers={HTTPException: _http_exception},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _door(settings: Settings, service: Service) -> Door:
    def people() -> People:
        return service.registry.store.people

    identities = Identities(settings) if settings.oidc else None
    closed = identities is not None or not settings.loopback
    return Door(Callers(people, identities, closed=closed), Accesses(people))


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem_response(NotFound("There is nothing at this address: check its path."))
    problem = InvalidInput(f"{error.detail}: this address does not take {request.method}.")
    return problem_response(problem, error.status_code, error.headers)
