"""Slices as addresses have them, and as the command line has each of their parts: `age_group=65+,region=EU`."""

import re
from typing import Final
from urllib.parse import unquote

from descentd.graph.model.errors import InvalidInput
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.trend import slice_given

EVERYBODY: Final = "everybody"
"""The slice of all people or items, which has no attributes."""

_SEPARATORS: Final = re.compile("[,;]")
"""Between attributes; addresses of drawings had semicolons once."""
_ESCAPED: Final = re.compile("[%,;=]")


def slice_text(slice: Slice) -> str:
    """A slice as an address has it; what separates attributes and values is escaped within them.

    >>> slice_text((("age_group", "65+"), ("region", "EU, UK")))
    'age_group=65+,region=EU%2C UK'
    """
    return ",".join(f"{_escaped(attribute)}={_escaped(value)}" for attribute, value in slice) or EVERYBODY


def slice_from(text: str) -> Slice:
    """The slice that `slice_text` wrote, or somebody; raises InvalidInput where it is none."""
    if text == EVERYBODY:
        return ()
    terms = [part.partition("=") for part in _SEPARATORS.split(text)]
    if not all(attribute.strip() and value.strip() for attribute, _, value in terms):
        raise InvalidInput(
            f"Expected attribute=value, several joined by commas, or {EVERYBODY}, got {text[:40]}.", "slice"
        )
    return slice_given([(unquote(attribute.strip()), unquote(value.strip())) for attribute, _, value in terms])


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", text)
