"""What people and flags say of a version: approved, rejected, flagged, or nobody has reviewed it yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from descentd.graph.reach import Sequences
from descentd.graph.relations import Kind
from descentd.queries.registry import Registry


class VerdictStatus(StrEnum):
    """Where a version stands."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    UNREVIEWED = "UNREVIEWED"
    FLAGGED = "FLAGGED"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a version stands where it does: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a version stands, and why."""

    status: VerdictStatus
    reasons: Sequence[Reason]


NOBODY = Verdict(VerdictStatus.UNREVIEWED, (Reason("NO_REVIEW", "Nobody has reviewed this version."),))
"""The verdict of every version: reviews and flags are not recorded yet."""


async def in_status(registry: Registry, wanted: frozenset[VerdictStatus], upto: int) -> Sequences:
    """All versions that stand so, ascending."""
    if NOBODY.status not in wanted:
        return np.empty(0, dtype=np.int64)
    return await registry.walk.everything(upto, Kind.MODEL_VERSION)
