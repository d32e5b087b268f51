"""Sending a manifest to a registry, and keeping it until the registry has it."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from descent.client import Client
from descent.errors import DescentError, Internal, Problem, Refused, Unavailable, Unintelligible, Unreachable
from descent.training.pending import Pending, PendingFolder

AWAY: Final = (Unreachable, Unintelligible, Unavailable, Internal)
"""The errors after which the same manifest may be accepted later."""

TIMEOUT: Final = 900.0
"""Seconds to wait for the answer to a manifest."""

VERSION_TIMEOUT: Final = 5.0
"""Seconds to wait for the version of a server, which it has at hand."""

_UNDER_WAY: Final = "It was being sent, and no answer is known."

Json = dict[str, Any]
Connect = Callable[[str], Client]
"""Returns a client of the registry at an address."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a manifest: the registry's `answer` and `warnings`, or why it is still kept in `kept`."""

    answer: Json | None = None
    warnings: tuple[str, ...] = ()
    kept: Pending | None = None
    error: DescentError | None = None


def submit(client: Client, url: str, manifest: Mapping[str, Any], folder: PendingFolder) -> Outcome:
    """Register a manifest; it is kept if the registry does not answer, or refuses it. Raises OSError if it cannot be.

    It is on the disk while it is sent, so that a process that is killed loses nothing. `url` is the address without a
    password, which is kept with it.
    """
    kept = None
    with contextlib.suppress(OSError):  # what the registry accepts needs no disk
        kept = folder.keep(url, manifest, _UNDER_WAY)
    try:
        answer = client.register(manifest)
    except AWAY as error:
        return Outcome(kept=folder.keep(url, manifest, error.message), error=error)
    except Refused as error:
        return Outcome(kept=folder.keep(url, manifest, error.message, refused=sentence(error)), error=error)
    if kept is not None:
        folder.remove(kept)
    return Outcome(answer, tuple(client.warnings))


def resubmit(client: Client, kept: Pending, folder: PendingFolder) -> Outcome:
    """Register a kept manifest, and remove it once it is registered; what is refused stays, with the reason."""
    try:
        answer = client.register(kept.manifest)
    except AWAY as error:
        return Outcome(kept=kept, error=error)
    except Refused as error:
        return Outcome(kept=folder.refuse(kept, sentence(error)), error=error)
    folder.remove(kept)
    return Outcome(answer, tuple(client.warnings))


def sentence(error: DescentError) -> str:
    """Return all problems of an error in one text, each with its field and code."""
    return " ".join(map(_problem, error.problems))


def _problem(problem: Problem) -> str:
    where = f"{problem.field}: " if problem.field else ""
    code = f" ({problem.code})" if problem.code else ""
    return f"{where}{problem.message}{code}"


def registered_version(answer: Mapping[str, Any]) -> Json | None:
    """Return the model version among the registered records; None if there is none."""
    return next((record for record in answer["records"] if record["kind"] == "MODEL_VERSION"), None)
