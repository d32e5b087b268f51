"""The rules for names, and references by label."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, Self

from descent.characters import first_unseen, joiner_allowed, mixes_scripts

MAX_LENGTH = 200

_CONTENT_ID = re.compile(r"sha256:[0-9a-f]{64}")
# Most names match this and need no other check; names with a slash do not.
_PLAIN = re.compile(r"[\w-][\w.-]{0,199}", re.ASCII)
_RAISED = re.compile("[⁰¹²³⁴-⁹₀-₉]")
"""Superscript and subscript digits: NFKC would change them, and names such as PR² and τ²-bench need them."""
_OVERRIDES = re.compile("[\u202d\u202e]")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def normal(text: str) -> str:
    """Return the form in which names are compared (NFC)."""
    return unicodedata.normalize("NFC", text)


def misleads(character: str) -> bool:
    """Return whether a character is invisible but changes the text: control, bidi, line separator, lone surrogate."""
    return character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def fault_in_name(name: str) -> str | None:
    """Return what is wrong with the name of a model, dataset, version or partition; None if it is valid."""
    if _PLAIN.fullmatch(name):
        return None
    name = normal(name)
    if not name:
        return "is empty; a name has 1 to 200 characters"
    if len(name) > MAX_LENGTH:
        return f"has {len(name)} characters; a name has at most {MAX_LENGTH}"
    for character in name:
        if character in "@#":
            return f'contains "{character}", which separates the parts of a reference; leave it out'
    if fault := fault_in_line(name):
        return fault
    if name != name.strip():
        return "begins or ends with a space; leave it out"
    if ".." in name.split("/"):
        return 'contains the path step ".."; write the name without it'
    compatible = "".join(
        part if _RAISED.fullmatch(part) else unicodedata.normalize("NFKC", part)
        for part in re.split(f"({_RAISED.pattern})", name)
    )
    if compatible != name:
        return f'looks like "{compatible}" but is not the same; write it like that'
    return None


def fault_in_line(text: str) -> str | None:
    """Return which character of a text of one line cannot be seen; None if there is none."""
    text = normal(text)
    for position, character in enumerate(text):
        if (misleads(character) or unicodedata.category(character) == "Cf") and not joiner_allowed(text, position):
            return f"contains the invisible character U+{ord(character):04X}; leave it out"
    return None


def fault_in_order(text: str) -> str | None:
    """Return which character of a text of several lines shows what follows in the other order; None if none does."""
    found = _OVERRIDES.search(text)
    return f"contains the invisible character U+{ord(found[0]):04X}; leave it out" if found else None


def fault_in_person(name: str) -> str | None:
    """Return what is wrong with the name of a person that a new record gives; None if it is valid.

    `fault_in_line` must have accepted the name.
    """
    name = normal(name)
    if name != name.strip():
        return "begins or ends with a space: trim it"
    if len(name) > MAX_LENGTH:
        return f"has {len(name)} characters: shorten it to {MAX_LENGTH}"
    if ".." in name.split("/"):
        return "contains '../': write it without path steps"
    if (unseen := first_unseen(name)) is not None:
        return f"contains U+{ord(unseen):04X}, which cannot be seen: leave it out"
    if not unicodedata.is_normalized("NFKC", name):
        return f"has characters that only look like others: write it as {unicodedata.normalize('NFKC', name)!r}"
    if any(mixes_scripts(part) for part in name.split("@")):
        return "mixes letters of several scripts, which may look alike: write it in one script"
    return None


def fault_in_new_name(name: str) -> str | None:
    """Return what is wrong with the name of a new record, although older records may have it; None if it is valid.

    `fault_in_name` must have accepted the name.
    """
    name = normal(name)
    if _PLAIN.fullmatch(name):
        return None
    if "\\" in name:
        return "contains a backslash; leave it out"
    if name.startswith("/"):
        return 'begins with "/"; leave it out'
    if "." in name.split("/"):
        return 'contains the path step "."; write the name without it'
    unseen = first_unseen(name)
    return None if unseen is None else f"contains U+{ord(unseen):04X}, which cannot be seen; leave it out"


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference by label, `model:NAME@VERSION` or `dataset:NAME@VERSION#PARTITION`, in normal form.

    `version` is None for `model:NAME`, which in a manifest means the only version of that name in it.
    """

    kind: Literal["model", "dataset"]
    name: str
    version: str | None
    partition: str | None = None

    def __str__(self) -> str:
        version = "" if self.version is None else f"@{self.version}"
        partition = "" if self.partition is None else f"#{self.partition}"
        return f"{self.kind}:{self.name}{version}{partition}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the reference that a text writes; None for a content id (`sha256:…`), which has no parts.

        Raises ValueError with what is wrong with it.
        """
        text = normal(text)
        if _CONTENT_ID.fullmatch(text):
            return None
        kind, colon, label = text.partition(":")
        if not colon or kind not in ("model", "dataset"):
            raise ValueError(
                "is not a reference; write model:NAME@VERSION, dataset:NAME@VERSION#PARTITION or sha256:HEX"
            )
        label, hash_, partition = label.partition("#")
        name, at, version = label.partition("@")
        if kind == "model" and hash_:
            raise ValueError(
                'names a partition of a model; only datasets have partitions, so leave out "#" and what follows'
            )
        if kind == "dataset" and not at:
            raise ValueError("lacks a version; write dataset:NAME@VERSION")
        parts = (("name", name, True), ("version", version, at), ("partition", partition, hash_))
        for what, part, given in parts:
            if given and (fault := fault_in_name(part)):
                raise ValueError(f"has a {what} that {fault}")
        return cls(
            "model" if kind == "model" else "dataset", name, version if at else None, partition if hash_ else None
        )
