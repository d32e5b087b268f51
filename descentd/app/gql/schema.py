"""The schema: what each noun offers, put together."""

from typing import Final

import strawberry

from descentd.app.gql import data  # noqa: F401 - its types add themselves to TYPES
from descentd.app.gql.accesses import AccessQuery
from descentd.app.gql.deployments import DeploymentMutation, ServingQuery
from descentd.app.gql.diff import DiffQuery
from descentd.app.gql.drift import DriftQuery
from descentd.app.gql.erosion import ErosionQuery
from descentd.app.gql.erosions import ErosionsQuery
from descentd.app.gql.evaluations import EvaluationQuery
from descentd.app.gql.exposure import ExposureQuery
from descentd.app.gql.flags import FlagMutation
from descentd.app.gql.gates import GateQuery, PromotionMutation
from descentd.app.gql.incidents import IncidentMutation, IncidentQuery
from descentd.app.gql.lineage import LineageQuery
from descentd.app.gql.lookup import LookupQuery
from descentd.app.gql.me import MeQuery
from descentd.app.gql.probes import ProbeQuery
from descentd.app.gql.records import TYPES
from descentd.app.gql.register import EventSubscription, RegisterMutation
from descentd.app.gql.retractions import RetractionMutation
from descentd.app.gql.reviews import ReviewMutation
from descentd.app.gql.scalars import CONFIG
from descentd.app.gql.trend import TrendQuery


@strawberry.type(description="Questions; `asOf` asks as the registry knew it at a moment of record time.")
class Query(
    LookupQuery,
    LineageQuery,
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
    GateQuery,
    IncidentQuery,
    ServingQuery,
):
    """Questions."""


@strawberry.type(description="What adds records. Nothing is overwritten or removed.")
class Mutation(
    RegisterMutation,
    RetractionMutation,
    FlagMutation,
    ReviewMutation,
    PromotionMutation,
    DeploymentMutation,
    IncidentMutation,
):
    """Additions."""


@strawberry.type(description="What goes on.")
class Subscription(EventSubscription):
    """Streams."""


schema: Final = strawberry.Schema(Query, Mutation, Subscription, types=list(TYPES.values()), config=CONFIG)
