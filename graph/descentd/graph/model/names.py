"""Names, refs and instants: what may be written, and its one normal form.

A ref is `model:NAME@VERSION`, `dataset:NAME@VERSION`, `dataset:NAME@VERSION#PARTITION` or a content id `sha256:HEX`.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final

from descentd.graph.model.errors import InvalidInput

LONGEST: Final = 200
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REF_HELP: Final = "model:NAME@VERSION, dataset:NAME@VERSION, dataset:NAME@VERSION#PARTITION or sha256:HEX"


def nfc(given: str) -> str:
    """`given` in Unicode normalization form C."""
    return unicodedata.normalize("NFC", given)


def text(given: str, what: str = "text") -> str:
    """`given` in NFC.

    Raises InvalidInput where it is empty, or holds control or bidi characters.
    """
    normal = unicodedata.normalize("NFC", given)
    if not normal.strip():
        raise InvalidInput(f"The {what} is empty: give at least one character.")
    if normal.isprintable():  # which none of the characters below are
        return normal
    for character in normal:
        # Cc control, Cf format (bidi marks, zero-width), Cs surrogates, Zl and Zp line separators
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            raise InvalidInput(
                f"The {what} {repr(normal)} holds the character U+{ord(character):04X}: leave out control and "
                "direction characters."
            )
    return normal


def name(given: str, what: str = "name") -> str:
    """`given` as a name, version or partition may be written, in NFC.

    Raises InvalidInput for what `text` refuses, and for `@`, `#`, `../`, outer spaces, more than 200 characters and
    whatever NFKC would change (look-alikes such as full-width letters).
    """
    normal = text(given, what)
    if normal.isascii() and normal.isalnum() and len(normal) <= LONGEST:
        return normal
    problem = _problem(normal)
    if problem:
        raise InvalidInput(f"The {what} {repr(normal)} {problem}.")
    return normal


def _problem(normal: str) -> str | None:
    if len(normal) > LONGEST:
        return f"has {len(normal)} characters: shorten it to {LONGEST}"
    if "@" in normal or "#" in normal:
        return "holds '@' or '#', which separate the parts of a ref: leave them out"
    if normal != normal.strip():
        return "begins or ends with a space: trim it"
    if ".." in normal.split("/"):
        return "holds '../': write the name without path steps"
    if not unicodedata.is_normalized("NFKC", normal):
        return f"has look-alike characters: write it as {repr(unicodedata.normalize('NFKC', normal))}"
    return None


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
    """Microseconds since 1970 UTC of an RFC 3339 date-time with offset.

    Raises InvalidInput where it is none; digits past the sixth decimal are cut.
    """
    if not _INSTANT.fullmatch(given):
        raise InvalidInput(f"{repr(given[:80])} is not a date-time: write RFC 3339 with offset, 2025-01-15T10:00:00Z.")
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", given.upper())).astimezone(UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{repr(given)} names no moment that exists: check month, day, hour and offset.") from None


def rfc3339(microseconds: int) -> str:
    """The instant in UTC, as records hold it: `2025-01-15T10:00:00Z`, with decimals only where there are any."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return (
        moment.strftime("%Y-%m-%dT%H:%M:%S")
        + (f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else "")
        + "Z"
    )


_WORD: Final = re.compile(r"\w+")


def words(given: str) -> list[str]:
    """The words of a text as search compares them: folded, without accents, letters and digits only."""
    folded = unicodedata.normalize("NFKD", given).casefold()
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)).replace("_", " "))
