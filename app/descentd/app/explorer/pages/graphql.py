"""`/graphql` in a browser: GraphiQL, with the saved operations ready to run about what is registered here.

GraphiQL sends what is written there to the same address, where it is answered as to everybody: by the session of the
browser, for its roles.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    OperationDefinitionNode,
    is_required_input_field,
    parse,
    print_ast,
    type_from_ast,
)

from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.vocabulary import Vocabulary
from descentd.app.graphql.schema.root import schema
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.policies import policy_history

_OPERATION: Final = re.compile(r"^(?:query|mutation|subscription) (?P<name>\w+).*?^}$", re.DOTALL | re.MULTILINE)
_FIRST: Final = "Search"
_DEPTH: Final = 4
"""How deep what an input has to have is filled in."""


@cache
def _saved() -> Mapping[str, str]:
    """The texts of the saved operations by name, in the order of their names."""
    text = files("descentd.app.explorer").joinpath("texts", "operations.graphql").read_text(encoding="utf-8")
    return {one["name"]: one[0] for one in _OPERATION.finditer(text)}


async def _show(asked: Asked) -> View:
    name = asked.query.get("operation", _FIRST)
    document = parse(_saved()[name])
    [chosen] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    known = await _known(asked)
    variables = {
        one.variable.name.value: _filled(one.variable.name.value, type_, known, _DEPTH)
        for one in chosen.variable_definitions or ()
        if isinstance(type_ := type_from_ast(schema._schema, one.type), GraphQLNonNull)
    }
    values = {
        "operations": list(_saved()),
        "chosen": name,
        "document": print_ast(document),
        "variables": json.dumps(variables, ensure_ascii=False, indent=2),
    }
    return View(asked.words("graphql.title"), values)


async def _known(asked: Asked) -> Mapping[str, Any]:
    """What variables may be about: by the name of a variable or a field, or else of its type."""
    registry = asked.registry
    newest = (await registry.walk.latest(asked.upto, Kind.MODEL_VERSION, 1)).tolist()
    refs = [brief.ref for brief in await registry.store.briefs(newest)] if newest else ["model:NAME@VERSION"]
    policies = await policy_history(registry, asked.upto, all=False)
    vocabulary = await registry.walk.vocabulary(asked.upto)
    attribute, values = next(iter(vocabulary.items()), ("age_group", {"65+": 1}))
    return {
        "Ref": refs[0],
        "environment": policies[0].policy.environment if policies else "production",
        "text": refs[0].partition(":")[2].partition("@")[0],
        "metric": "accuracy",
        "attribute": attribute,
        "values": list(values)[:1],
    }


def _filled(name: str, type_: GraphQLInputType | None, known: Mapping[str, Any], depth: int) -> Any:
    """A value of a type, as far as one is known; what is not known is written in capitals."""
    if isinstance(type_, GraphQLNonNull):
        return _filled(name, type_.of_type, known, depth)
    if name in known:
        return known[name]
    if isinstance(type_, GraphQLList):
        return [_filled(name, type_.of_type, known, depth)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        needed = [(field, one) for field, one in type_.fields.items() if is_required_input_field(one) or field == "all"]
        return {field: _filled(field, one.type, known, depth - 1) for field, one in needed} if depth else {}
    kind = str(type_)
    return known.get(kind, {"Boolean": False, "Int": 10, "Float": 0.5, "JSON": {}}.get(kind, name.upper()))


PAGE = Page("graphql", "/graphql", _show, as_of=False, choices={"operation": Vocabulary(tuple(_saved()))})
