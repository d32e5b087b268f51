"""Cursors of tools whose questions have no pages of their own: how many items were told, and the moment asked about."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from descentd.graph.inputs.base import Input
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.names import date_time


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after so many items of the answer as of a moment; None for now, on the first page."""

    after: int = 0
    as_of: str | None = None


def cursor(tool: str, asked: Input, place: Place) -> str:
    """The cursor of the page that begins at a place."""
    content = [_digest(tool, asked), place.after, place.as_of]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def place_of(tool: str, asked: Input, given: str | None) -> Place:
    """The place of a cursor, the first page without one; raises InvalidInput for what is none of this question."""
    if given is None:
        return Place(as_of=getattr(asked, "as_of", None))
    try:
        digest, after, as_of = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True))
        valid = digest == _digest(tool, asked) and type(after) is int and 0 <= after < 2**31
        place = Place(after, date_time(as_of))
    except (binascii.Error, ValueError, TypeError, AttributeError, InvalidInput):
        valid = False
    if not valid:
        raise InvalidInput("The cursor is not of this question: leave it out for the first page.", "cursor")
    return place


def _digest(tool: str, asked: Input) -> str:
    content = {name: value for name, value in asked.content().items() if name not in ("cursor", "limit")}
    return hashlib.sha256(json.dumps([tool, content], sort_keys=True).encode()).hexdigest()[:12]
