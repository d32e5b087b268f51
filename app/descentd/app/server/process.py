"""Running a server: the socket, the workers and the way down."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess

from descentd.app.auth.oidc import OIDCVerifier
from descentd.app.checkpoints.signer import Signer
from descentd.app.notifications.dispatcher import destinations_of
from descentd.app.server import logging
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.settings import Settings
from descentd.app.server.store_url import NEO4J, scheme, store_at
from descentd.graph.model.errors import InvalidInput, Unavailable

log = structlog.get_logger()


def serve(settings: Settings, when_listening: Callable[[str], object] = lambda _: None) -> None:
    """Serve until the process is told to end, with SIGINT or SIGTERM; `when_listening` is given the address.

    Raises InvalidInput for settings that cannot be meant, and Unavailable where the port or the store's file cannot be
    had. A database that does not answer is waited for instead.
    """
    _check(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Until the server listens to them, and once more when it is done.
        signal.signal(number, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        # First of all, because it says whether the address may be listened at.
        asyncio.run(_try_store(settings))
        listening = stack.enter_context(_listen(settings.host, settings.port))
        told: dict[str, object] = {"port": listening.getsockname()[1]}
        if settings.workers > 1:
            told["run_directory"] = Path(stack.enter_context(TemporaryDirectory(prefix="descentd-")))
        settings = settings.model_copy(update=told)
        settings.hand_over()
        logging.configure(settings.log_format, settings.log_level)
        log.info("listening", url=settings.url, workers=settings.workers)
        when_listening(settings.url)
        _run(settings, listening)


def _check(settings: Settings) -> None:
    Lifespan(settings)
    destinations_of(settings)
    Signer.of(settings)
    if settings.oidc:
        OIDCVerifier(settings).check()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise Unavailable(
            f"Port {port} of {host} cannot be had ({reason}): end what uses it, or name another."
        ) from None
    listening.set_inheritable(True)
    return listening


async def _try_store(settings: Settings) -> None:
    """Open a store that is a file, so that one that cannot be is found out now; workers then find it made.

    Raises InvalidInput where nobody could be told from anybody else. A database that does not answer has no say in
    that: beyond this machine everybody needs a token, and while it is away nobody's is known.
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
            "The registry holds no token, so it would be open to whoever reaches it: make one with `descentd token "
            "create --store STORE --person NAME --role admin`, or use --host 127.0.0.1."
        )


def _run(settings: Settings, listening: socket.socket) -> None:
    config = uvicorn.Config(
        "descentd.app.server.worker:from_environment",
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
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
        Multiprocess(config, [listening]).run()
