"""The enums of the schema, made from those of the graph and the questions."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import strawberry

from descentd.graph import metrics
from descentd.graph.inputs import acts, datasets, evaluations, versions
from descentd.graph.model import kinds, reach
from descentd.queries.difference import diff, metric_rows
from descentd.queries.erosion import findings, questions
from descentd.queries.governance import drift, probes, related_incidents, verdicts
from descentd.queries.governance.gate import rules as gate_rules
from descentd.queries.lineage import builds, kinship, lineage
from descentd.queries.production import incidents

RecordKind = kinds.Kind
Role = kinds.Role
Relation = datasets.Relation
TrainingRole = versions.TrainingRole
Severity = evaluations.Severity
Decision = acts.Decision
FlagAction = acts.FlagAction
RetractedPart = acts.RetractedPart
Documented = reach.Documented
MetricCategory = metrics.MetricCategory
MetricDirection = metrics.MetricDirection
MetricScale = metrics.MetricScale
Direction = lineage.Direction
ExposureVerdict = reach.ExposureVerdict
VerdictStatus = verdicts.VerdictStatus
ProbeStatus = probes.ProbeStatus
GateOutcome = gate_rules.GateOutcome
DriftKind = drift.DriftKind
ErosionKind = questions.ErosionKind
ErosionVerdict = findings.ErosionVerdict
ChangeArea = builds.ChangeArea
Comparability = metric_rows.Comparability
VersionRelation = diff.VersionRelation
IncidentStatus = incidents.IncidentStatus
KinRelation = related_incidents.KinRelation
KinshipRelation = kinship.KinshipRelation

strawberry.enum(RecordKind, name="RecordKind", description=kinds.Kind.__doc__)
strawberry.enum(ExposureVerdict, name="ExposureVerdict", description=reach.ExposureVerdict.__doc__)
for _same in (
    Role,
    Relation,
    TrainingRole,
    Severity,
    Decision,
    FlagAction,
    RetractedPart,
    Documented,
    MetricCategory,
    MetricDirection,
    MetricScale,
    Direction,
    VerdictStatus,
    ProbeStatus,
    GateOutcome,
    DriftKind,
    ErosionKind,
    ErosionVerdict,
    ChangeArea,
    Comparability,
    VersionRelation,
    IncidentStatus,
    KinRelation,
    KinshipRelation,
):
    strawberry.enum(_same, description=_same.__doc__)


@strawberry.enum(description="Whether a version learned from data itself, or an ancestor of it did.")
class ExposureKind(StrEnum):
    """Direct or inherited."""

    DIRECT = "DIRECT"
    INHERITED = "INHERITED"


@strawberry.enum(description="Whether several terms must hold together in some rows (PROVEN), or may (POSSIBLE).")
class Joint(StrEnum):
    """By the shares that the partition documents."""

    PROVEN = "PROVEN"
    POSSIBLE = "POSSIBLE"


BY_NAME: Final[Mapping[str, type[StrEnum]]] = {
    enum.__name__: enum
    for enum in (
        Relation,
        TrainingRole,
        Severity,
        Decision,
        FlagAction,
        RetractedPart,
        Documented,
        MetricCategory,
        MetricDirection,
        MetricScale,
    )
}
