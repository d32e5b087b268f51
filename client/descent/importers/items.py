"""Results of single items: their own error, and the pairing with results of ancestors on the same items.

The formulas are those of `descent.pairing` (Miller 2024). Single items are not sent: an evaluation keeps their digest.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from descent.errors import InvalidManifest
from descent.importers.draft import Draft
from descent.importers.reading import refused
from descent.pairing import Item, pair_items

MAX_ANCESTORS: Final = 20
"""The most ancestors that one result is paired with, nearest first."""


@dataclass(frozen=True, slots=True)
class Items:
    """The values of a metric by item, and the entry of the manifest that is their mean."""

    subject: str
    suite: Mapping[str, Any]
    entry: dict[str, Any]
    values: tuple[Item, ...]

    @property
    def series(self) -> str:
        """What has to be equal for two results to be compared."""
        parts = [self.suite["name"], self.suite["version"], self.suite.get("config"), self.entry["name"]]
        return json.dumps([*parts, self.entry.get("slice")], sort_keys=True)


def item_results(file: Path) -> str:
    """Return the digest of a file of single items, as an evaluation keeps it."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as content:
            while chunk := content.read(2**22):
                digest.update(chunk)
    except OSError as error:
        raise refused(str(file), f"The file cannot be read: {error.strerror}.") from error
    return f"sha256:{digest.hexdigest()}"


def keep_items(
    draft: Draft, evaluation: Mapping[str, Any], entry: dict[str, Any], values: Sequence[Item], place: str
) -> None:
    """Keep the values of the items of a result for pairing, and add the error that they show if it has none.

    Items whose mean is not the result belong to another aggregation than the mean, which is said.
    """
    mean = math.fsum(item.value for item in values) / len(values)
    if not math.isclose(mean, entry["value"], rel_tol=1e-6, abs_tol=1e-9):
        draft.skip(place, f"{entry['name']} is not the mean of its items ({mean:.6g}), so they are not paired.")
        return
    entry.setdefault("n", len(values))
    clustered = any(item.cluster is not None for item in values)
    if clustered or ("stderr" not in entry and not {item.value for item in values} <= {0.0, 1.0}):
        [own] = pair_items(values, values)
        if own.stderr is not None and own.stderr > 0:
            entry["stderr"] = own.stderr
            if own.clusters is not None:
                entry["clusters"] = own.clusters
    draft.items.append(Items(evaluation["subject"], evaluation["suite"], entry, tuple(values)))


def pair(drafts: Iterable[Draft], ancestors: Callable[[str], Sequence[str]]) -> None:
    """Pair the results of a run with those of ancestors in the same run; `ancestors` gives the nearest first."""
    by_series: dict[str, dict[str, Items]] = {}
    for draft in drafts:
        for items in draft.items:
            by_series.setdefault(items.series, {}).setdefault(items.subject, items)
    known: dict[str, Sequence[str]] = {}
    for draft in drafts:
        for items in draft.items:
            others = by_series[items.series]
            if len(others) < 2:
                continue
            if items.subject not in known:
                known[items.subject] = ancestors(items.subject)
            near = [others[ref] for ref in known[items.subject] if ref in others and ref != items.subject]
            _pair(draft, items, near[:MAX_ANCESTORS])


def _pair(draft: Draft, items: Items, ancestors: Sequence[Items]) -> None:
    for other in ancestors:
        try:
            [result] = pair_items(other.values, items.values)
        except InvalidManifest:
            continue  # no item in common
        [paired] = result.metric(items.entry["name"], other.subject)["paired_with"]
        spelled = {"difference_variance": "differenceVariance"}
        items.entry.setdefault("pairedWith", []).append({spelled.get(key, key): part for key, part in paired.items()})
        alone = f", {result.alone} items in one of them only" if result.alone else ""
        became = f"paired with {other.subject} on {result.n - _only(items, other)} items{alone}"
        draft.placed.append((f"{items.suite['name']} {items.entry['name']}", became))


def _only(items: Items, other: Items) -> int:
    names = {item.name for item in other.values}
    return sum(item.name not in names for item in items.values)
