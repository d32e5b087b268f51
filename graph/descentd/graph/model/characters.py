"""Misleading characters: invisible ones, joiners without effect, and letters that look like those of another script.

Python's unicodedata has neither the property Default_Ignorable_Code_Point nor scripts, joining types and confusables,
so the parts of Unicode 16 that names need are written down here.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# DerivedCoreProperties.txt, Default_Ignorable_Code_Point; and the blank Braille pattern, which shows nothing either.
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
# confusables.txt, the letters of other scripts that are drawn like Latin ones.
_LOOK_ALIKES: Final = str.maketrans(
    "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u04cf\u043e\u0440\u051b\u0455\u0443\u0445\u051d\u0475"
    "\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0425\u0423\u051c\u051a\u0474"
    "\u03bf\u03b1\u03bd\u03c1\u03b9\u03c5\u03b3"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u0585\u057d\u0570\u0578\u0566\u0581\u054d\u0555\u053c\u054f\u0131\u0251\u0261",
    "acdehijlopqsyxwvABCEHIJKMOPSTXYWQVoavpiuyABEZHIKMNOPTYXouhnqgUOLSiag",
)
_EAST_ASIAN: Final = frozenset({"HAN", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})


OVERRIDES: Final = re.compile("[\u202d\u202e]")
"""Characters that show what follows in the other order. Texts from right to left need other ones, and none of these."""


def is_unseen(character: str) -> bool:
    """Whether a character shows nothing: it is default-ignorable, or blank and no plain space."""
    return bool(_UNSEEN.match(character)) or (character != " " and unicodedata.category(character) == "Zs")


def shows_something(text: str) -> bool:
    """Whether there is anything to see in a text: a character that is neither blank nor invisible."""
    return any(one.isprintable() and one != " " and not is_unseen(one) for one in text)


def without_unseen(text: str) -> str:
    """The text without default-ignorable characters."""
    return _UNSEEN.sub("", text)


def joiner_allowed(text: str, i: int) -> bool:
    """Whether the character at `i` is a joiner where RFC 5892 (appendix A.1 and A.2, CONTEXTJ) allows it.

    After a virama, as Indic scripts need it; a non-joiner also between Arabic letters that would join, as in Persian.
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
    """The first character of a text that shows nothing where no joiner is allowed; None where there is none."""
    return next((each for i, each in enumerate(text) if is_unseen(each) and not joiner_allowed(text, i)), None)


def skeleton(text: str) -> str:
    """What texts that differ only by letters of look-alike scripts have in common: these letters as Latin ones."""
    return text if text.isascii() else text.translate(_LOOK_ALIKES)


def mixes_scripts(text: str) -> bool:
    """Whether a text has letters of scripts that are not written together (Unicode TS 39, highly restrictive)."""
    if text.isascii():
        return False
    scripts = {_script(character) for character in text if character.isalpha()}
    return len(scripts - _EAST_ASIAN) > 1 or bool(scripts & _EAST_ASIAN and scripts - _EAST_ASIAN - {"LATIN"})


def _script(letter: str) -> str:
    """The script of a letter, by the first word of its Unicode name."""
    first = unicodedata.name(letter, "?").split(maxsplit=1)[0].partition("-")[0]
    return "HAN" if first in ("CJK", "IDEOGRAPHIC") else "LATIN" if letter in "ªº" else first


def look_alikes(name: str, others: Iterable[str]) -> list[str]:
    """Those of `others` that differ from `name`, but only by letters of look-alike scripts."""
    return [other for other in others if other != name and skeleton(other) == skeleton(name)]
