"""The saved operations, run without a server between: by Strawberry, and by a plan, which has to agree."""

import json
from importlib.resources import files
from typing import Any

from graphql import ExecutionResult, OperationDefinitionNode, OperationType, parse

from descentd.app.auth.authorization import READERS
from descentd.app.graphql.context import Context
from descentd.app.graphql.plan import Plan
from descentd.app.graphql.schema.root import schema
from descentd.queries.registry import Registry


async def ask(registry: Registry, operation: str, **variables: Any) -> Any:
    """The one field that an operation (its name, or its text) asks for; raises what the resolver raised."""
    query = operation
    if operation.isalpha():
        query = files("descent").joinpath("operations", f"{operation}.graphql").read_text("utf-8")
    result = await schema.execute(query, variable_values=variables, context_value=Context(registry, "ana", READERS))
    await _same_by_a_plan(registry, query, variables, result)
    for error in result.errors or ():
        raise error.original_error or error
    assert result.data is not None
    (answer,) = result.data.values()
    return answer


async def _same_by_a_plan(registry: Registry, query: str, variables: dict[str, Any], by_strawberry: Any) -> None:
    """Compare with what a plan of the same question gives; what adds records is not asked twice."""
    document = parse(query)
    (operation,) = (one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    if operation.operation is not OperationType.QUERY:
        return
    found = await Plan(schema, document, operation).execute(variables, Context(registry, "ana", READERS))
    assert isinstance(found, ExecutionResult)
    assert json.dumps(found.data) == json.dumps(by_strawberry.data)
    assert [error.formatted for error in found.errors or ()] == [
        error.formatted for error in by_strawberry.errors or ()
    ]
