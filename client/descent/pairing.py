"""Comparing two versions item by item: the result of a version, paired with that of an ancestor on the same items.

The standard error of a mean over items in clusters is s² = n⁻²·Σ_c(Σ_{i∈c}(y_i − ȳ))², of the difference the same of
the differences (Miller 2024, Adding Error Bars to Evals).
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descent.errors import InvalidManifest, Problem

Slice = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """The value of one item. `slice` is the group that it is about; items of one `cluster` are not independent."""

    name: str
    value: float
    slice: Slice = ()
    cluster: str | None = None

    @classmethod
    def read(cls, line: str, place: str) -> "Item":
        """Return the item on a line of NDJSON; raises InvalidManifest with the `place` in its message."""
        try:
            given = json.loads(line, parse_constant=lambda name: name)
        except (json.JSONDecodeError, RecursionError) as error:
            raise _refused(f"{place}: expected JSON.") from error
        if not isinstance(given, dict) or not given.keys() <= {"item", "value", "slice", "cluster"}:
            raise _refused(f'{place}: expected an object with "item", "value" and perhaps "slice" and "cluster".')
        name, value = given.get("item"), given.get("value")
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise _refused(f'{place}: expected a text or a whole number as "item".')
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise _refused(f'{place}: expected a finite number, true or false as "value".')
        slice, cluster = given.get("slice") or {}, given.get("cluster")
        if not isinstance(slice, dict) or not all(isinstance(one, str) for one in slice.values()):
            raise _refused(f'{place}: expected attributes and texts as "slice", like {{"age_group": "65+"}}.')
        if not isinstance(cluster, str | int | None) or isinstance(cluster, bool):
            raise _refused(f'{place}: expected a text or a whole number as "cluster".')
        return cls(str(name), float(value), tuple(sorted(slice.items())), None if cluster is None else str(cluster))


@dataclass(frozen=True, slots=True)
class PairedResult:
    """The result of a version in one slice, paired with that of an ancestor.

    stderr is None if all items are 0 or 1 and there are no clusters: then it follows from n. n01 items are 0 for the
    ancestor and 1 for the version, n10 items the reverse; otherwise `variance` is that of the mean difference. `alone`
    is the number of items that only one of the two has, which are not compared.
    """

    slice: Slice
    value: float
    n: int
    stderr: float | None
    clusters: int | None
    n01: int | None
    n10: int | None
    variance: float | None
    alone: int

    def metric(self, name: str, subject: str) -> dict[str, Any]:
        """Return the metric of an evaluation in a manifest, paired with the ancestor's ref."""
        pair: dict[str, Any] = {"subject": subject}
        if self.variance is None:
            pair |= {"n01": self.n01, "n10": self.n10}
        else:
            pair["difference_variance"] = self.variance
        own = {"stderr": self.stderr, "clusters": self.clusters, "slice": dict(self.slice) or None}
        present = {key: value for key, value in own.items() if value is not None}
        return {"name": name, "value": self.value, "n": self.n, **present, "paired_with": [pair]}


def pair_items(before: Iterable[Item], after: Iterable[Item]) -> list[PairedResult]:
    """Return the paired result of each slice, given the items of an ancestor and of a version.

    Raises InvalidManifest if an item is given twice in a slice, or if a slice has no item in common.
    """
    earlier, later = _by_slice(before, "the first file"), _by_slice(after, "the second file")
    return [_paired(slice, earlier.get(slice, {}), items) for slice, items in later.items()]


def _by_slice(items: Iterable[Item], file: str) -> Mapping[Slice, dict[str, Item]]:
    found: defaultdict[Slice, dict[str, Item]] = defaultdict(dict)
    for item in items:
        if item.name in found[item.slice]:
            raise _refused(f"The item {item.name!r} is given twice in one slice of {file}: give it once.")
        found[item.slice][item.name] = item
    return found


def _paired(slice: Slice, earlier: Mapping[str, Item], later: Mapping[str, Item]) -> PairedResult:
    common = [name for name in later if name in earlier]
    if not common:
        raise _refused(f"No item of the slice {dict(slice)} is in both files: pair results of the same items.")
    items = list(later.values())
    values = [item.value for item in items]
    clusters = [item.cluster for item in items]
    clustered = any(cluster is not None for cluster in clusters)
    binary = {*values, *(earlier[name].value for name in common)} <= {0.0, 1.0}
    differences = [later[name].value - earlier[name].value for name in common]
    counts = binary and not clustered
    own = _variance(values, [item.cluster or f"item {item.name}" for item in items])
    apart = _variance(differences, [later[name].cluster or f"item {name}" for name in common])
    return PairedResult(
        slice,
        sum(values) / len(values),
        len(values),
        None if counts else math.sqrt(own),
        len({item.cluster or f"item {item.name}" for item in items}) if clustered else None,
        sum(one > 0 for one in differences) if counts else None,
        sum(one < 0 for one in differences) if counts else None,
        None if counts else apart,
        len(later) + len(earlier) - 2 * len(common),
    )


def _variance(values: Sequence[float], clusters: Sequence[str]) -> float:
    """Return the variance of the mean of items in clusters: n⁻²·Σ_c(Σ_{i∈c}(y_i − ȳ))²."""
    mean = math.fsum(values) / len(values)
    sums: defaultdict[str, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - mean
    return math.fsum(one * one for one in sums.values()) / len(values) ** 2


def _refused(message: str) -> InvalidManifest:
    return InvalidManifest([Problem(message, "INVALID_INPUT")], "")
