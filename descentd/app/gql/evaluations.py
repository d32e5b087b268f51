"""The evaluations of a version."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.gql.connections import PageInfo, page_info
from descentd.app.gql.context import context
from descentd.app.gql.lineage import Step, steps
from descentd.app.gql.records import Record, node
from descentd.app.gql.scalars import Count, DateTime, Ref
from descentd.queries import evaluations
