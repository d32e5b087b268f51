"""Sending a manifest to a registry, or keeping it until the registry answers."""

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

    `url` is the address without a password, which is kept with it.
    """
    try:
        answer = client.register(manifest)
        return Outcome(answer, tuple(client.warnings))
    except AWAY as error:
        return Outcome(kept=folder.keep(url, manifest, error.message), error=error)
    except Refused as error:
        return Outcome(kept=folder.keep(url, manifest, error.message, refused=sentence(error)), error=error)


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
