"""The text of an answer: as many whole items as its tokens allow, with total, sequence and the cursor of the rest.

Models split texts into tokens in different ways, and none of their vocabularies is here. So the estimate is on the safe
side: a run of ASCII letters counts one for each four begun, a run of digits one for each three begun, any other ASCII
character but a space one, and a character outside of ASCII one for each of its bytes in UTF-8, which no tokenizer that
works on bytes exceeds. The digits and letters of a digest are many short runs, which is how tokenizers split them, too.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from descentd.app.mcp.asking import Json

MOST: Final = 8_000
"""Tokens that an answer takes at most."""

_PIECE: Final = re.compile(r"[A-Za-z]{1,4}|[0-9]{1,3}|[^\sA-Za-z0-9]")
_CURSOR: Final = 250
"""Tokens that are kept free for a cursor."""
_WARNINGS, _WARNING = 5, 300
"""How many warnings are told, and how many characters of each."""
_NAMING: Final = ("part", "ref", "kind", "name", "metric", "title")
"""What an item is known by, where it is too long itself."""


def whole_items(head: Mapping[str, Any], items: Sequence[Json]) -> list[Json]:
    """The first items that fit into an answer beside its head; one that no answer has room for is named instead."""
    room = MOST - _CURSOR - estimated(written(head))
    fitting: list[Json] = []
    for item in items:
        size = estimated(written(item)) + 1
        if size > room:
            return fitting or [_named(item, size)]
        room -= size
        fitting.append(item)
    return fitting


def framed(
    head: Mapping[str, Any], total: int | str, sequence: int, warnings: Sequence[str], items: Sequence[Json] = ()
) -> Json:
    """An answer; its `cursor` is null until it is known."""
    told = [one if len(one) <= _WARNING else f"{one[:_WARNING]} …" for one in warnings[:_WARNINGS]]
    said = {"warnings": told} if told else {}
    return {**head, "total": total, "sequence": sequence, "cursor": None, **said, "items": list(items)}


def written(answer: Mapping[str, Any]) -> str:
    """JSON as short as it is written."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _named(item: Json, size: int) -> Json:
    known = {name: item[name] for name in _NAMING if isinstance(item.get(name), str) and len(item[name]) < 1_000}
    message = f"It takes about {size:,} tokens, and an answer {MOST:,}: read it with `descent show`, or on its page."
    return {**known, "omitted": message}


def estimated(text: str) -> int:
    """The estimated number of tokens of a text."""
    return sum(1 if piece.isascii() else len(piece.encode()) for piece in _PIECE.findall(text))
