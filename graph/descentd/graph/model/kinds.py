"""The kinds of record and the roles of the edges between them.

An edge points from what was derived to what it came from. *Influence* runs against the arrows of `INFLUENCE`.
Both enums are numbered by position wherever they are stored or held in arrays: append, never reorder.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """What a record is about; the first six are entities, the rest statements."""

    DATASET = "DATASET"
    PARTITION = "PARTITION"
    CODE = "CODE"
    CONFIG = "CONFIG"
    ENVIRONMENT = "ENVIRONMENT"
    MODEL_VERSION = "MODEL_VERSION"
    METRIC_DEFINITION = "METRIC_DEFINITION"
    EVALUATION = "EVALUATION"
    SAFETY_PROFILE = "SAFETY_PROFILE"
    POPULATION = "POPULATION"
    VULNERABILITY = "VULNERABILITY"
    NOTE = "NOTE"
    POLICY = "POLICY"
    GATE_DECISION = "GATE_DECISION"
    REVIEW = "REVIEW"
    PROMOTION = "PROMOTION"
    DEPLOYMENT = "DEPLOYMENT"
    INCIDENT = "INCIDENT"
    FLAG = "FLAG"
    RETRACTION = "RETRACTION"
    DISCLOSURE = "DISCLOSURE"
    TENSOR_DIGESTS = "TENSOR_DIGESTS"
    SIGNATURE = "SIGNATURE"


class Role(StrEnum):
    """What the target of an edge was to its source. `SAME_DATA` joins partitions with one digest, unstored."""

    DERIVED_FROM = "DERIVED_FROM"
    TRAINED_ON = "TRAINED_ON"
    INCLUDES = "INCLUDES"
    GENERATED_BY = "GENERATED_BY"
    BUILT_FROM = "BUILT_FROM"
    CONFIGURED_BY = "CONFIGURED_BY"
    RAN_IN = "RAN_IN"
    DEPLOYS = "DEPLOYS"
    EVALUATES = "EVALUATES"
    EVALUATED_ON = "EVALUATED_ON"
    DESCRIBES = "DESCRIBES"
    CITES = "CITES"
    SUPERSEDES = "SUPERSEDES"
    ABOUT = "ABOUT"
    DECIDES_ON = "DECIDES_ON"
    AFFECTS = "AFFECTS"
    SAME_DATA = "SAME_DATA"


KINDS: Final = tuple(Kind)
ROLES: Final = tuple(Role)
KIND_NUMBER: Final = {kind: number for number, kind in enumerate(KINDS)}
ROLE_NUMBER: Final = {role: number for number, role in enumerate(ROLES)}

ACTS: Final = frozenset(KINDS[12:20])
"""Statements that hold who made them and when: POLICY, GATE_DECISION and so on to RETRACTION."""

ENTITIES: Final = frozenset(KINDS[:6])
VERSION: Final = frozenset({Kind.MODEL_VERSION})
DATA: Final = frozenset({Kind.DATASET, Kind.PARTITION})
INFLUENCE: Final = frozenset(ROLES[:8])
"""Roles along which what happened to the target touches the source. They are numbered 0 to 7."""

EVIDENCE: Final = frozenset({Role.EVALUATES, Role.EVALUATED_ON, Role.CITES})
"""Roles that tie a statement to what it rests on: followed only when a question asks for evidence."""

UNTRAINED: Final = frozenset({"MERGE", "QUANTIZE", "PRUNE", "EDIT"})
"""Relations to a parent by which a version comes about without learning from data."""


class Edge(NamedTuple):
    """One edge as a record states it: `target` is a content id.

    `detail` holds the relations (DERIVED_FROM) or training roles (TRAINED_ON) in order, joined by commas: one pair of
    records has one edge a role, however often its content names it.
    """

    role: Role
    target: str
    detail: str = ""

    @property
    def learns(self) -> bool:
        """Whether what the source knows of data passes along this edge.

        A TRAINED_ON edge that serves retrieval alone teaches nothing, and a merge or a quantization came about without
        training data of its own.
        """
        details = set(self.detail.split(","))
        if self.role is Role.TRAINED_ON:
            return details != {"RETRIEVAL"}
        return not details <= UNTRAINED
