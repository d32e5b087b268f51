"""Running a server: its socket, its workers, and what each worker runs."""

import asyncio
import gc
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from descentd.app.checkpoints.signer import Signer
from descentd.app.notifications.dispatcher import destinations_of
from descentd.app.server import logging
from descentd.app.server.collector import Collector
from descentd.app.server.connections import LimitedHTTP, LimitedWebSocket, raise_file_limit
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.settings import Settings
from descentd.app.server.store_url import NEO4J, scheme, store_at, without_credentials
from descentd.graph.model.errors import InvalidInput, Unavailable
from descentd.queries.governance.cel.sandbox import SANDBOX

log = structlog.get_logger()


def serve(settings: Settings, when_listening: Callable[[str], object] = lambda _: None) -> None:
    """Serve until SIGINT or SIGTERM; `when_listening` is called with the address.

    Raises InvalidInput for settings that contradict each other, and Unavailable if the port or the store's file is not
    available. If a database does not answer, the server waits for it instead.
    """
    _check(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Until the server handles signals itself, and again after it has ended.
        signal.signal(number, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        # First, because the settings decide whether the server may listen at this address.
        asyncio.run(_try_store(settings))
        listening = stack.enter_context(_listen(settings.host, settings.port))
        found: dict[str, object] = {"port": listening.getsockname()[1]}
        if settings.workers > 1:
            found["run_directory"] = Path(stack.enter_context(TemporaryDirectory(prefix="descentd-")))
        if settings.session_secret() is None:
            found["session_key"] = secrets.token_urlsafe(32)  # of all workers, until this server ends
        settings = settings.model_copy(update=found)
        settings.hand_over()
        logging.configure(settings.log_format, settings.log_level)
        log.info("listening", url=settings.url, workers=settings.workers)
        when_listening(settings.url)
        _run(settings, listening)


def _check(settings: Settings) -> None:
    Lifespan(settings)
    destinations_of(settings)
    Signer.of(settings)
    settings.session_secret()
    if settings.oidc:
        from descentd.app.auth.oidc import OIDCVerifiers

        OIDCVerifiers(settings).check()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise Unavailable(
            f"Port {port} of {host} is not available ({reason}): stop what uses it, or choose another."
        ) from None
    listening.set_inheritable(True)
    return listening


async def _try_store(settings: Settings) -> None:
    """Open and create the store once before the workers do, so that an invalid file is reported now.

    Raises InvalidInput if everybody in the network could use the registry without a token. This is not checked if a
    database does not answer: a server that others can reach requires a token, and without the database none is valid.
    """
    needed = not (settings.loopback or settings.oidc)
    database = scheme(settings.store) in NEO4J
    if database and not needed:
        return
    store = store_at(settings.store)
    try:
        await store.open()
        known = not needed or await store.accounts.any_token()
        await store.close()
    except Unavailable:
        if not database:
            raise
        return
    if not known:
        raise InvalidInput(
            "The registry has no token, so it would be open to everybody who can reach it: create one with "
            "`descentd token create --store STORE --person NAME --role admin`, or use --host 127.0.0.1."
        )


def _run(settings: Settings, listening: socket.socket) -> None:
    config = uvicorn.Config(
        "descentd.app.server.process:from_environment",
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http=LimitedHTTP,
        ws=LimitedWebSocket,
        ws_max_size=settings.body_limit,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
    if settings.workers == 1:
        uvicorn.Server(config).run([listening])
    else:
        SANDBOX.close()  # which read the policies; each worker has one of its own
        Multiprocess(config, [listening]).run()


def from_environment() -> Starlette:
    """The application of a worker, with the settings that `serve` put into the environment.

    It is imported without the garbage collector: what imports create lasts as long as the process, and collecting
    it repeatedly took a third of the time to start.
    """
    raise_file_limit()
    gc.disable()
    from descentd.app.server.main import create

    gc.enable()
    # A look-up takes the interpreter's lock a dozen times, around each row that SQLite reads. Each time it waits this
    # long where a thread computes: with Python's 5 ms, or 1 ms, it took 18 ms beside the assessment of erosion.
    sys.setswitchinterval(0.0002)
    settings = Settings.read()
    logging.configure(settings.log_format, settings.log_level)
    return create(settings, when_ready=lambda records: _ready(settings, records))


def _ready(settings: Settings, records: int) -> None:
    """Print once that the server answers; the first worker does."""
    Collector().start()
    if settings.run_directory is not None:
        try:
            (settings.run_directory / "announced").touch(exist_ok=False)
        except FileExistsError:
            return
    count = "1 record" if records == 1 else f"{records:,} records"
    sys.stdout.write(f"Descent is ready at {settings.url}, with {count} in {without_credentials(settings.store)}\n")
    sys.stdout.flush()
