"""The input types of the schema, generated from the pydantic models of the inputs, so that the two cannot differ."""

from collections.abc import Mapping
from typing import Any, Final

import strawberry

from descentd.app.graphql.schema.enums import BY_NAME
from descentd.app.graphql.schema.scalars import JSON, Count, DateTime, Digest, Ref
from descentd.graph.inputs.base import Input

_FORMATS: Final[Mapping[str, Any]] = {
    "ref": Ref,
    "digest": Digest,
    "id": strawberry.ID,
    "date-time": DateTime,
    "count": Count,
}
_TYPES: Final[Mapping[str, Any]] = {"string": str, "number": float, "boolean": bool}
_made: dict[str, Any] = {}


def made(model: type[Input]) -> Any:
    """The GraphQL input type for a model; `wire` converts its instances to JSON."""
    schema = model.model_json_schema(by_alias=True)
    return _input(model.__name__, schema, schema.get("$defs", {}))


def _input(name: str, schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    if name not in _made:
        required = schema.get("required", ())
        fields: dict[str, Any] = {"__annotations__": {}, "__doc__": schema.get("description")}
        # A dataclass wants fields without default first; GraphQL does not mind the order.
        for field in sorted(schema["properties"], key=lambda field: field not in required):
            part = schema["properties"][field]
            kind = _type(part, parts)
            fields["__annotations__"][field] = kind if field in required else kind | None
            default = {} if field in required else {"default": strawberry.UNSET}
            fields[field] = strawberry.field(name=field, description=part.get("description"), **default)
        _made[name] = strawberry.input(type(name, (), fields), name=name, description=schema.get("description"))
    return _made[name]


def _type(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    if "anyOf" in schema:
        return _type(next(option for option in schema["anyOf"] if option.get("type") != "null"), parts)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return BY_NAME.get(name) or _input(name, parts[name], parts)
    if schema.get("type") == "array":
        return list[_type(schema["items"], parts)]  # type: ignore[misc]
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    return _TYPES[schema["type"]] if "type" in schema else JSON


def wire(given: Any) -> Any:
    """The JSON that an input object was made from, without fields that were left out."""
    if type(given).__name__ in _made:
        return {field: wire(value) for field, value in vars(given).items() if value is not strawberry.UNSET}
    if isinstance(given, list):
        return [wire(item) for item in given]
    return given
