"""Whether this client fits its server and its environment.

Versions of client and server fit by semver: of one major version, and before 1.0 of one minor version.
"""

import re
from concurrent.futures import Future
from importlib import metadata
from threading import Thread

from descent.errors import DescentError, NotInTime, Unreachable
from descent.transport import Transport

_NUMBERS = re.compile(r"(\d+)\.(\d+)")

_compared: dict[str, str | None] = {}


def mismatch(transport: Transport, timeout: float) -> str | None:
    """Return a sentence if the versions of client and server do not fit; None if they do, or no server is there.

    It also says so if a server does not answer within `timeout` seconds. A process asks each server once, until it
    answers.
    """
    if transport.url not in _compared:
        try:
            server = _server_version(transport, timeout)
        except (NotInTime, TimeoutError):
            return (
                f"{transport.place} did not say within {timeout:g} seconds which version of Descent it is, so this "
                "client may not fit it."
            )
        except Unreachable:
            return None
        except DescentError as error:
            _compared[transport.url] = error.message
        else:
            _compared[transport.url] = sentence(transport.client_version, server)
    return _compared[transport.url]


def _server_version(transport: Transport, timeout: float) -> str:
    """Return the version of the server. Raises TimeoutError too: the limit of a connection is that of each read."""
    version: Future[str] = Future()

    def ask() -> None:
        try:
            version.set_result(transport.server_version(timeout))
        except BaseException as error:
            version.set_exception(error)

    Thread(target=ask, daemon=True).start()  # a daemon, so that the end of the process does not wait for it
    return version.result(timeout)


def namesake() -> str | None:
    """Return a sentence if another distribution with a package `descent` is installed here; None if there is none."""
    try:
        version = metadata.version("descent")
    except metadata.PackageNotFoundError:
        return None
    return (
        f"The distribution descent {version}, which is another one, is installed here too and has a package of the "
        "same name: keep descent-client in an environment without it."
    )


def sentence(client: str, server: str) -> str | None:
    """Return what to do about the versions of a client and a server; None if they fit."""
    ours, theirs = _series(client), _series(server)
    if ours == theirs:
        return None
    older = ours is not None and theirs is not None and [int(n) for n in ours] < [int(n) for n in theirs]
    wanted = f"descent-client {'.'.join(theirs)}" if theirs else "the descent-client of the server's version"
    advice = f"install {wanted}" if older or theirs is None else f"upgrade the server, or install {wanted}"
    return f"The server is descentd {server} and this is descent-client {client}, which may not fit: {advice}."


def _series(version: str) -> tuple[str, ...] | None:
    found = _NUMBERS.match(version)
    if found is None:
        return None
    return found.groups() if found[1] == "0" else (found[1],)
