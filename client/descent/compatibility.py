"""Whether this client fits its server and its environment.

Versions of client and server fit by semver: of one major version, and before 1.0 of one minor version.
"""

import re
from importlib import metadata

from descent.errors import DescentError, Unreachable
from descent.transport import Transport

_NUMBERS = re.compile(r"(\d+)\.(\d+)")

_compared: dict[str, str | None] = {}


def mismatch(transport: Transport) -> str | None:
    """Return a sentence if the versions of client and server do not fit; None if they do, or no server answers.

    A process asks each server once.
    """
    if transport.url not in _compared:
        try:
            server = transport.server_version()
        except Unreachable:
            return None
        except DescentError as error:
            _compared[transport.url] = error.message
        else:
            _compared[transport.url] = sentence(transport.client_version, server)
    return _compared[transport.url]


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
