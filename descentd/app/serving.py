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

from descentd.app import logs
from descentd.app.service import Service
from descentd.app.settings import Settings
from descentd.app.stores import NEO4J, scheme, store_at
from descentd.graph.errors import InvalidInput, Unavailable

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
        listening = stack.enter_context(_listen(settings.host, settings.port))
        if scheme(settings.store) not in NEO4J:
            asyncio.run(_try_store(settings.store))
        told: dict[str, object] = {"port": listening.getsockname()[1]}
        if settings.workers > 1:
            told["run_directory"] = Path(stack.enter_context(TemporaryDirectory(prefix="descentd-")))
        settings = settings.model_copy(update=told)
        settings.hand_over()
        logs.configure(settings.log_format, settings.log_level)
        log.info("listening", url=settings.url, workers=settings.workers)
        when_listening(settings.url)
        _run(settings, listening)


def _check(settings: Settings) -> None:
    if not settings.loopback:
        raise InvalidInput(
            "The registry holds no token, so it is open to whoever reaches it, and is served on this machine only: "
            "use --host 127.0.0.1."
        )
    Service(settings)


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


async def _try_store(address: str) -> None:
    """Open a store that is a file, so that one that cannot be is found out now; workers then find it made."""
    store = store_at(address)
    await store.open()
    await store.close()


def _run(settings: Settings, listening: socket.socket) -> None:
    config = uvicorn.Config(
        "descentd.app.main:from_environment",
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
