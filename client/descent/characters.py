"""Misleading characters in names: invisible ones, joiners where they have no effect, and letters that look alike.

Python's unicodedata has neither the property Default_Ignorable_Code_Point nor joining types, so the parts of Unicode
16 that names need are written here.
"""

import re
import unicodedata
from typing import Final

# DerivedCoreProperties.txt, Default_Ignorable_Code_Point; and the blank Braille pattern, which is invisible too.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ZWNJ: Final = "\u200c"
_JOINERS: Final = frozenset({_ZWNJ, "\u200d"})
_VIRAMA: Final = 9
"""The canonical combining class of viramas."""

# ArabicShaping.txt, the Arabic block: Joining_Type R, and U; all its other letters are D.
_RIGHT_JOINING: Final = re.compile(
    "[\u0622-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0673\u0675-\u0677\u0688-\u0699\u06c0\u06c3-\u06cb\u06cd\u06cf"
    "\u06d2\u06d3\u06d5\u06ee\u06ef]"
)
_DUAL_JOINING: Final = re.compile(
    "[\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649\u064a\u066e\u066f\u0678-\u0687\u069a-\u06bf\u06c1"
    "\u06c2\u06cc\u06ce\u06d0\u06d1\u06fa-\u06fc\u06ff]"
)

_EAST_ASIAN: Final = frozenset({"HAN", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})
"""Scripts that are written together, and together with Latin."""


def is_unseen(character: str) -> bool:
    """Return whether a character is invisible: it is default-ignorable, or blank without being the plain space."""
    return bool(_UNSEEN.match(character)) or (character != " " and unicodedata.category(character) == "Zs")


def joiner_allowed(text: str, i: int) -> bool:
    """Return whether the character at `i` is a joiner in a place where RFC 5892 allows it (A.1 and A.2, CONTEXTJ).

    That is after a virama (Indic scripts); for a non-joiner also between Arabic letters that would join (Persian).
    """
    if text[i] not in _JOINERS or i == 0:
        return False
    if unicodedata.combining(text[i - 1]) == _VIRAMA:
        return True
    before = next((c for c in reversed(text[:i]) if not unicodedata.combining(c)), "")
    after = next((c for c in text[i + 1 :] if not unicodedata.combining(c)), "")
    joins = _DUAL_JOINING.fullmatch(before) and (_DUAL_JOINING.fullmatch(after) or _RIGHT_JOINING.fullmatch(after))
    return text[i] == _ZWNJ and bool(joins)


def first_unseen(text: str) -> str | None:
    """Return the first character of a text that is invisible where no joiner is allowed; None if there is none."""
    return next((each for i, each in enumerate(text) if is_unseen(each) and not joiner_allowed(text, i)), None)


def mixes_scripts(text: str) -> bool:
    """Return whether letters of a text are of scripts that are not written together (TS 39, highly restrictive)."""
    if text.isascii():
        return False
    scripts = {_script(character) for character in text if character.isalpha()}
    return len(scripts - _EAST_ASIAN) > 1 or bool(scripts & _EAST_ASIAN and scripts - _EAST_ASIAN - {"LATIN"})


def _script(letter: str) -> str:
    """Return the script of a letter, by the first word of its Unicode name."""
    first = unicodedata.name(letter, "?").split(maxsplit=1)[0].partition("-")[0]
    return "HAN" if first in ("CJK", "IDEOGRAPHIC") else "LATIN" if letter in "ªº" else first
