"""The saved operations, run on a registry without a server between."""

from importlib.resources import files
from typing import Any

from descentd.app.auth.authorization import READERS
from descentd.app.graphql.context import Context
from descentd.app.graphql.schema.root import schema
from descentd.queries.registry import Registry


async def ask(registry: Registry, operation: str, **variables: Any) -> Any:
    """The one field that an operation (its name, or its text) asks for; raises what the resolver raised."""
    query = operation
    if operation.isalpha():
        query = files("descent").joinpath("operations", f"{operation}.graphql").read_text("utf-8")
    result = await schema.execute(query, variable_values=variables, context_value=Context(registry, "ana", READERS))
    for error in result.errors or ():
        raise error.original_error or error
    assert result.data is not None
    (answer,) = result.data.values()
    return answer
