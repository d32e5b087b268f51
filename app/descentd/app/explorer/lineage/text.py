"""What is written on a drawing: numbers, marks, and what records and derivations are called."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from descentd.app.explorer.lineage.losses import series_name, series_of
from descentd.app.explorer.words import Words
from descentd.graph.model.records import Brief
from descentd.queries.governance.verdicts import VerdictStatus
from descentd.queries.overview.shifts import Outcome, Shift
from descentd.queries.overview.version_status import VersionStatus


class Mark(NamedTuple):
    """A sign on a node, and what it means: `good`, `bad` or `open`, by which it has its colour."""

    sign: str
    tone: str


VERDICT_MARKS: Final = {
    VerdictStatus.APPROVED: Mark("✓", "good"),
    VerdictStatus.REJECTED: Mark("✕", "bad"),
    VerdictStatus.FLAGGED: Mark("⚑", "bad"),
    VerdictStatus.UNREVIEWED: Mark("◷", "open"),
}
RETRACTED: Final = Mark("✕", "bad")
MARKS: Final = {Outcome.BETTER: "▲", Outcome.WORSE: "▼", Outcome.SAME: "■", Outcome.CHANGED: "◆"}
GOT_WORSE: Final = Mark(MARKS[Outcome.WORSE], "bad")

MINUS: Final = "−"
_NARROW: Final = frozenset("il.,:;|'!ftjr ()[]-")
_KNOWN: Final = 10_000
"""Characters whose widths are kept: there are a hundred times as many, and texts may hold any."""


class _Units(dict[str, float]):
    """The width of each character in parts of a font's size, worked out when it is first met."""

    def __missing__(self, character: str) -> float:
        if unicodedata.east_asian_width(character) in "WF":
            width = 1.05
        else:
            width = 0.4 if character in _NARROW else 0.74 if character.isupper() else 0.645
        if len(self) < _KNOWN:
            self[character] = width
        return width


_UNITS: Final = _Units()


def relation_words(words: Words, relations: Sequence[str]) -> str:
    """Relations as they are written on a line: `fine-tuned, merged`; one that is not known in its own letters."""
    keys = (f"lineage.relation.{one}" for one in relations)
    return ", ".join(
        dict.fromkeys(words[key] if key in words else key.rpartition(".")[2].lower().replace("_", " ") for key in keys)
    )


def status_words(words: Words, status: VersionStatus) -> list[str]:
    """All that holds of a record, in words."""
    found = [words[f"lineage.status.{status.verdict}"]] if status.verdict is not None else []
    if status.retracted:
        found.append(words["lineage.status.RETRACTED"])
    if status.serving:
        found.append(words["lineage.serving_in"].format(environments=", ".join(status.serving)))
    if status.worse:
        named = [series_name(series_of(one)) for one in status.worse.findings[:1]]
        found.append(": ".join([words["lineage.status.WORSE"], *named]))
    return found


def signed(value: float) -> str:
    """A change with its sign: `+0.012`, `−0.4`."""
    text = f"{abs(value):.3g}"
    return f"{MINUS if value < 0 else '+'}{text}" if float(text) else "±0"


@lru_cache(maxsize=16_384)
def number(value: float) -> str:
    """A value with four significant digits and a proper minus."""
    return f"{value + 0.0:.4g}".replace("-", MINUS)  # a zero has no sign


def shift_text(shift: Shift) -> str:
    """What a shift is, as it is written on a line: `▼ −0.013`."""
    return f"{MARKS[shift.outcome]} {signed(shift.delta)}"


def name_and_rest(brief: Brief) -> tuple[str, str]:
    """The last part of a name, and what tells the record from others of that name: version or partition."""
    if brief.label is None:
        return "", brief.id.removeprefix("sha256:")[:10]
    name, _, version = brief.ref.partition(":")[2].partition("@")
    version, _, part = version.partition("#")
    short = name.rpartition("/")[2]
    return (f"{short} {version}", part) if part else (short, version)


@lru_cache(maxsize=16_384)
def width_of(text: str, size: float, bold: bool = False) -> float:
    """How wide a text may be in a sans serif font of a size in pixels: wider ones, as DejaVu, are reckoned with."""
    return sum(map(_UNITS.__getitem__, text)) * size * (1.08 if bold else 1.0)


def cut(text: str, most: int = 26) -> str:
    """A text that is not longer than a box can hold: both ends are kept."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
