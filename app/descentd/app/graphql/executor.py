"""graphql-core's executor, for what of an operation is not compiled: it counts fields."""

from typing import Any

from graphql import GraphQLObjectType
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from descentd.app.graphql.pacing import Pace


class Executor(StrawberryGraphQLCoreExecutionContext):
    """What executes one operation, or fields of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pace: Pace | None = getattr(self.context_value, "pace", None)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        """The completed value of a field, or an awaitable of it."""
        if self._pace is not None:
            self._pace.count()
        return super().execute_field(parent_type, source, field_details_list, path, position_context)
