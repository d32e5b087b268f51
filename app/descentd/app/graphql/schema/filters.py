"""The filter of versions, for every question that takes one."""

from typing import Annotated

import strawberry

from descentd.app.graphql.schema.enums import VerdictStatus
from descentd.app.graphql.schema.scalars import DateTime, Digest, Ref
from descentd.queries.lineage.versions import VersionFilter


@strawberry.input(description="Selects versions; every condition that is given must hold.")
class ModelVersionFilter:
    """Filter."""

    name: str | None = strawberry.field(default=None, description="The model's name.")
    name_prefix: str | None = strawberry.field(default=None, description="The beginning of the model's name.")
    status: list[VerdictStatus] | None = strawberry.field(default=None, description="The verdict on the version.")
    serving_in: str | None = strawberry.field(default=None, description="An environment in which the version serves.")
    serving: bool | None = strawberry.field(
        default=None, description="true: the version serves in some environment; false: it serves in none."
    )
    derived_from: Ref | None = strawberry.field(default=None, description="A version that is an ancestor of it.")
    trained_on: Ref | None = strawberry.field(default=None, description="Data that it or an ancestor learned from.")
    artifact: Digest | None = strawberry.field(default=None, description="The digest of one of its artifacts.")
    recorded_after: DateTime | None = strawberry.field(default=None, description="Recorded after this moment.")
    recorded_before: DateTime | None = strawberry.field(default=None, description="Recorded before this moment.")

    def conditions(self) -> VersionFilter:
        """The filter as the type of the queries package."""
        status = tuple(self.status) if self.status else None
        return VersionFilter(**{**vars(self), "status": status})


Filter = Annotated[ModelVersionFilter | None, strawberry.argument(description="Selects versions; all by default.")]
