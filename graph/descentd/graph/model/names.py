"""Names, refs and instants: which are valid, and their normal form.

A ref is `model:NAME@VERSION`, `dataset:NAME@VERSION`, `dataset:NAME@VERSION#PARTITION` or a content id `sha256:HEX`.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final

from descentd.graph.model.characters import OVERRIDES, first_unseen, joiner_allowed
from descentd.graph.model.errors import InvalidInput

LONGEST: Final = 200
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_SHORT_YEAR: Final = re.compile(r"\d{1,3}-")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RAISED: Final = re.compile("[⁰¹²³⁴-⁹₀-₉]")
"""Superscript and subscript digits: NFKC would change them, and names such as PR² and τ²-bench need them."""
_PLAIN_NAME: Final = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)*", re.ASCII)
_REF_HELP: Final = "model:NAME@VERSION, dataset:NAME@VERSION, dataset:NAME@VERSION#PARTITION or sha256:HEX"


def nfc(given: str) -> str:
    """`given` in Unicode normalization form C."""
    return unicodedata.normalize("NFC", given)


def text(given: str, what: str = "text") -> str:
    """`given` in NFC.

    Raises InvalidInput where it is empty, or holds control, direction or other invisible format characters; the joiners
    U+200C and U+200D are accepted where RFC 5892 allows them.
    """
    normal = unicodedata.normalize("NFC", given)
    if not normal.strip():
        raise InvalidInput(f"The {what} is empty: give at least one character.")
    if normal.isprintable():  # which none of the characters below are
        return normal
    for i, character in enumerate(normal):
        # Cc control, Cf format (bidi marks, zero-width), Cs surrogates, Zl and Zp line separators
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and not joiner_allowed(normal, i):
            raise InvalidInput(
                f"The {what} {normal!r} contains the invisible character U+{ord(character):04X}: leave it out."
            )
    return normal


def name(given: str, what: str = "name") -> str:
    """`given` as a name, version or partition is written in a ref, in NFC.

    Raises InvalidInput for what `text` refuses, and for `@`, `#`, `..` as a part, outer spaces, more than 200
    characters and whatever NFKC would change (full-width letters, say), superscript and subscript digits aside. What is
    registered newly has to pass `fault_in_new_name` too.
    """
    normal = text(given, what)
    if normal.isascii() and normal.isalnum() and len(normal) <= LONGEST:
        return normal
    problem = _problem(normal)
    if problem:
        raise InvalidInput(f"The {what} {normal!r} {problem}.")
    return normal


def _problem(normal: str) -> str | None:
    if len(normal) > LONGEST:
        return f"has {len(normal)} characters: shorten it to {LONGEST}"
    if "@" in normal or "#" in normal:
        return "contains '@' or '#', which separate the parts of a ref: leave them out"
    if normal != normal.strip():
        return "begins or ends with a space: trim it"
    if ".." in normal.split("/"):
        return "contains '../': write the name without path steps"
    plain = _RAISED.sub("0", normal)
    if not unicodedata.is_normalized("NFKC", plain):
        return f"has characters that only look like others: write it as {_compatible(normal)!r}"
    return None


def _compatible(normal: str) -> str:
    """NFKC of everything but superscript and subscript digits."""
    return "".join(
        part if _RAISED.fullmatch(part) else unicodedata.normalize("NFKC", part)
        for part in re.split(f"({_RAISED.pattern})", normal)
    )


def fault_in_new_name(name: str) -> str | None:
    """What a new name, version or partition must not have, beyond what `name` refuses; None where there is nothing.

    Records that are registered keep what they have, so that refs to them are read by `name` alone.
    """
    if _PLAIN_NAME.fullmatch(name):
        return None
    if "\\" in name:
        return "contains a backslash: leave it out"
    if name.startswith("/"):
        return "begins with '/': leave it out"
    if {".", ".."} & set(name.split("/")):
        return "has '.' or '..' as a part: write the name without path steps"
    unseen = first_unseen(name)
    return None if unseen is None else f"contains U+{ord(unseen):04X}, which cannot be seen: leave it out"


def fault_in_order(text: str) -> str | None:
    """Which character of a text shows what follows in the other order, in words; None where there is none."""
    found = OVERRIDES.search(text)
    return f"contains the invisible character U+{ord(found[0]):04X}: leave it out" if found else None


def ref(given: str) -> str:
    """`given` as a ref in its normal form; `model:NAME` without a version, as manifests allow it, is let through.

    Raises InvalidInput where it is none.
    """
    if DIGEST.fullmatch(given):
        return given
    kind, colon, rest = given.partition(":")
    if not colon or kind not in {"model", "dataset"}:
        raise InvalidInput(f"{repr(given)} is not a ref: write {_REF_HELP}.")
    labelled, at, version = rest.partition("@")
    version, sharp, partition = version.partition("#")
    if (sharp and (kind == "model" or not version)) or (not at and (kind == "dataset" or "#" in labelled)):
        raise InvalidInput(f"{repr(given)} is not a ref: write {_REF_HELP}.")
    normal = f"{kind}:{name(labelled)}"
    if at:
        normal += f"@{name(version, 'version')}"
    if sharp:
        normal += f"#{name(partition, 'partition name')}"
    return normal


def digest(given: str) -> str:
    """`given` where it is a digest, `sha256:` and 64 lower-case hexadecimal digits; raises InvalidInput otherwise."""
    if not DIGEST.fullmatch(given):
        raise InvalidInput(f"{repr(given[:80])} is not a digest: write sha256: and 64 lower-case hexadecimal digits.")
    return given


def instant(given: str) -> int:
    """Microseconds since 1970 UTC of an RFC 3339 date-time with offset; digits past the sixth decimal are cut.

    Early records have years of less than four digits, which are read too. Raises InvalidInput for anything else.
    """
    given = four_digit_year(given)
    if not _INSTANT.fullmatch(given):
        raise InvalidInput(f"{repr(given[:80])} is not a date-time: write RFC 3339 with offset, 2025-01-15T10:00:00Z.")
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", given.upper())).astimezone(UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{repr(given)} is not a moment of the calendar: check month, day, hour and offset."
        ) from None


def four_digit_year(instant: str) -> str:
    """An instant as RFC 3339 has it, whose year early records may hold without its leading zeros: `1-01-01T…`."""
    return instant.zfill(len(instant) + 4 - instant.index("-")) if _SHORT_YEAR.match(instant) else instant


def rfc3339(microseconds: int) -> str:
    """The instant in UTC, as records hold it: `2025-01-15T10:00:00Z`, with decimals only where there are any."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    decimals = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + decimals + "Z"


def date_time(given: str) -> str:
    """An RFC 3339 date-time in UTC, as records hold it; raises InvalidInput where `given` is none."""
    return rfc3339(given_instant(given))


def given_instant(given: str) -> int:
    """As `instant`, for what somebody asks or says now: its year has four digits."""
    if _SHORT_YEAR.match(given):
        raise InvalidInput(f"{given[:80]!r} is not a date-time: write the year with four digits.")
    return instant(given)


_WORD: Final = re.compile(r"\w+")


def words(given: str) -> list[str]:
    """The words of a text as search compares them: folded, without accents, letters and digits only."""
    if given.isascii():
        return _WORD.findall(given.lower().replace("_", " "))
    folded = unicodedata.normalize("NFKD", given).casefold()
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)).replace("_", " "))
