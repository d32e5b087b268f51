"""Checking stored assessments: every version is assessed again, and what is stored is compared with that."""

import json
from math import isclose, isnan
from typing import Any, Final

import numpy as np

from descentd.graph.index.columns import Columns
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.index.snapshot.file import Snapshot
from descentd.graph.store.base import Store
from descentd.graph.store.committer import Committer
from descentd.queries.erosion.registry_refresh import assess_all
from descentd.queries.erosion.stored_assessments import StoredAssessments, StoredRanking
from descentd.queries.registry import Registry

_PENDING: Final = "its list of versions that are to be assessed"
_EQUAL: Final = 1e-9
"""Relative difference up to which two numbers are equal: other processors round the last digits otherwise."""


async def assessment_difference(store: Store, snapshot: Snapshot) -> str | None:
    """What of a snapshot of assessments is not what assessing every version gives, as a noun; None if all is.

    Takes as long as assessing the registry from nothing, and twice as long while some versions were to be assessed.
    Raises Misfit where columns are missing, and Unavailable.
    """
    sequence = snapshot.origin.sequence
    kept = StoredRanking.restored(Columns(snapshot.columns), sequence)
    if kept.upto > sequence:
        return "the moment of its list"
    if kept.upto == sequence and (len(kept.pending) or len(kept.coming.versions)):
        return _PENDING
    if damaged := _damage(kept.held) or _damage(kept.coming):
        return damaged
    index = LineageIndex(store)
    registry = Registry(store, index, Committer(store))
    try:
        await index.catch_up(sequence)
        difference = await _difference(store, kept.held, await assess_all(registry, kept.upto))
        if difference is None and kept.upto < sequence:
            done, fresh = kept.held.without(kept.pending).joined(kept.coming), await assess_all(registry, sequence)
            if np.any(np.diff(kept.pending) <= 0) or not np.isin(kept.pending, fresh.versions).all():
                return _PENDING
            difference = await _difference(store, done, fresh.without(kept.pending))
    finally:
        await registry.committer.close()
    return difference


def _damage(stored: StoredAssessments) -> str | None:
    """What of these arrays does not fit together; None if they do."""
    number = len(stored.versions)
    if any(len(column) != number for column in (stored.verdicts, stored.p, stored.ends)):
        return "the length of its columns"
    if stored.ends[-1:].tolist() != [len(stored.text)][:number] or np.any(np.diff(stored.ends, prepend=0) < 0):
        return "the order of its details"
    return None


async def _difference(store: Store, stored: StoredAssessments, fresh: StoredAssessments) -> str | None:
    if not np.array_equal(stored.versions, fresh.versions):
        return "its list of versions"
    for place, version in enumerate(fresh.versions.tolist()):
        if not _same(stored, fresh, place):
            [brief] = await store.briefs([version])
            return f"its assessment of {brief.ref}"
    return None


def _same(one: StoredAssessments, other: StoredAssessments, place: int) -> bool:
    details, expected = one.details(place), other.details(place)
    return (
        one.verdicts[place] == other.verdicts[place]
        and _equal(float(one.p[place]), float(other.p[place]))
        and (details == expected or _equal(_read(details), _read(expected)))
    )


def _read(details: bytes) -> Any:
    try:
        return json.loads(details)
    except ValueError:
        return details


def _equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, numbers to nine digits; not-a-number equals itself."""
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=_EQUAL) or (isnan(one) and isnan(other))
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    return bool(one == other)
