"""How many tokens of a language model a text is estimated to take.

Models split texts in different ways, and none of their vocabularies is here. So the estimate is on the safe side: a run
of ASCII letters counts one for each four begun, a run of digits one for each three begun, any other ASCII character
but a space one, and a character outside of ASCII one for each of its bytes in UTF-8, which no tokenizer that works on
bytes exceeds. The digits and letters of a digest are many short runs, which is how tokenizers split them, too.
"""

import re
from typing import Final

MOST: Final = 8_000
"""Tokens that an answer takes at most."""

_PIECE: Final = re.compile(r"[A-Za-z]{1,4}|[0-9]{1,3}|[^\sA-Za-z0-9]")


def estimated(text: str) -> int:
    """The estimated number of tokens of a text."""
    return sum(1 if piece.isascii() else len(piece.encode()) for piece in _PIECE.findall(text))
