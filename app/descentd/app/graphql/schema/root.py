"""The root types of the schema, composed of the fields of each noun."""

from typing import Final

import strawberry

from descentd.app.graphql.schema import datasets  # noqa: F401 - its types add themselves to TYPES
from descentd.app.graphql.schema.audit_log import AccessQuery
from descentd.app.graphql.schema.deployments import DeploymentMutation, ServingQuery
from descentd.app.graphql.schema.diff import DiffQuery
from descentd.app.graphql.schema.drift import DriftQuery
from descentd.app.graphql.schema.erosion import ErosionQuery
from descentd.app.graphql.schema.erosions import ErosionsQuery
from descentd.app.graphql.schema.evaluations import EvaluationQuery
from descentd.app.graphql.schema.exposure import ExposureQuery
from descentd.app.graphql.schema.flags import FlagMutation
from descentd.app.graphql.schema.gates import GateQuery, PromotionMutation
from descentd.app.graphql.schema.incidents import IncidentMutation, IncidentQuery
from descentd.app.graphql.schema.kinship import KinshipQuery
from descentd.app.graphql.schema.lineage import LineageQuery
from descentd.app.graphql.schema.lookup import LookupQuery
from descentd.app.graphql.schema.me import MeQuery
from descentd.app.graphql.schema.policies import PolicyMutation, PolicyQuery
from descentd.app.graphql.schema.probes import ProbeQuery
from descentd.app.graphql.schema.proofs import ProofQuery
from descentd.app.graphql.schema.records import TYPES
from descentd.app.graphql.schema.register import EventSubscription, RegisterMutation
from descentd.app.graphql.schema.retractions import RetractionMutation
from descentd.app.graphql.schema.reviews import ReviewMutation
from descentd.app.graphql.schema.scalars import CONFIG
from descentd.app.graphql.schema.trend import TrendQuery


@strawberry.type(description="Questions to the registry; `asOf` answers with what was recorded up to a moment.")
class Query(
    LookupQuery,
    LineageQuery,
    KinshipQuery,
    ExposureQuery,
    EvaluationQuery,
    TrendQuery,
    ErosionQuery,
    ErosionsQuery,
    DiffQuery,
    ProbeQuery,
    DriftQuery,
    AccessQuery,
    MeQuery,
    ProofQuery,
    GateQuery,
    PolicyQuery,
    IncidentQuery,
    ServingQuery,
):
    """Questions."""


@strawberry.type(description="Operations that add records. Nothing is overwritten or removed.")
class Mutation(
    RegisterMutation,
    RetractionMutation,
    FlagMutation,
    ReviewMutation,
    PromotionMutation,
    PolicyMutation,
    DeploymentMutation,
    IncidentMutation,
):
    """Additions."""


@strawberry.type(description="Streams of new records.")
class Subscription(EventSubscription):
    """Streams."""


schema: Final = strawberry.Schema(Query, Mutation, Subscription, types=list(TYPES.values()), config=CONFIG)
