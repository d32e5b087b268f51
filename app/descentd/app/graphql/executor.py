"""graphql-core's executor, for what of an operation is not compiled: it counts fields and gives list items turns."""

from typing import Any

from graphql import GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo
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

    def complete_list_item_value(
        self,
        item: Any,
        complete_results: list[Any],
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        item_path: Path,
        position_context: Any,
    ) -> bool:
        """Add a completed item to the results, as graphql-core does; True where it is an awaitable.

        In a large operation it is one that waits for its turn first.
        """
        given = item_type, field_details_list, info, item_path, position_context
        pace = self._pace
        if pace is None or not pace.crowded:
            return super().complete_list_item_value(item, complete_results, *given)
        complete = super().complete_list_item_value

        async def in_turn() -> Any:
            await pace.turn()
            results: list[Any] = []
            return await results[0] if complete(item, results, *given) else results[0]

        complete_results.append(in_turn())
        return True
