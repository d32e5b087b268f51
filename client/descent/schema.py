"""The JSON Schema of a manifest, as the shapes by which a file is converted.

`manifest.schema.json` describes ManifestInput with GraphQL names, in the structure that pydantic generates. A field
that is not required may be null, which is the same as leaving it out.
"""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Kind = Literal["any", "object", "array", "enum", "string", "integer", "number", "boolean"]

_CONSTRAINTS = {
    "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minItems", "maxItems", "uniqueItems", "const",
}  # fmt: skip


_NOUNS: Final = {
    "Documented": "word for what is documented",
    "PairedInput": "paired comparison",
    "TrainedOnInput": "training input",
}
"""The nouns of shapes whose names are none."""


@dataclass(slots=True)
class Shape:
    """The expected value at one place of a manifest.

    `name` is an input's or enum's name in GraphQL (`ModelVersionInput`); `fields` and `required` are an object's, in
    GraphQL names; `item` is an array's; `values` are an enum's, in upper case; `line` is set for a text of one line,
    which has a longest length in the schema; `constraints` check anything else.
    """

    kind: Kind
    name: str = ""
    fields: "dict[str, Shape]" = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    item: "Shape | None" = None
    values: tuple[str, ...] = ()
    format: str | None = None
    line: bool = False
    constraints: "Draft202012Validator | None" = None

    def noun(self) -> str:
        """The noun for a sentence: `model version` for ModelVersionInput."""
        return _NOUNS.get(self.name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name.removesuffix("Input")).lower()


@cache
def manifest_shape() -> Shape:
    """Return the shape of a whole manifest."""
    text = resources.files("descent").joinpath("manifest.schema.json").read_text("utf-8")
    return shape_of(json.loads(text))


def shape_of(schema: dict[str, Any]) -> Shape:
    """Return the shape that a JSON Schema describes."""
    return _Shapes(schema.get("$defs", {})).shape(schema)


class _Shapes:
    """Shapes by the names of their definitions; each is made once, so that a shape may contain itself."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.made: dict[str, Shape] = {}

    def shape(self, schema: dict[str, Any]) -> Shape:
        schema = _without_null(schema)
        if "$ref" not in schema:
            shape = Shape("any")
            self._fill(shape, schema)
            return shape
        name = schema["$ref"].rpartition("/")[2]
        if name not in self.made:
            self.made[name] = Shape("any", name)
            self._fill(self.made[name], self.definitions[name])
        return self.made[name]

    def _fill(self, shape: Shape, schema: dict[str, Any]) -> None:
        shape.name = shape.name or schema.get("title", "")
        if "enum" in schema:
            shape.kind, shape.values = "enum", tuple(schema["enum"])
        elif schema.get("type") == "object" and "properties" in schema:
            shape.kind = "object"
            shape.required = frozenset(schema.get("required", ()))
            shape.fields = {name: self.shape(member) for name, member in schema["properties"].items()}
        elif schema.get("type") == "array":
            shape.kind, shape.item = "array", self.shape(schema.get("items", {}))
        elif schema.get("type") in ("string", "integer", "number", "boolean"):
            shape.kind, shape.format = schema["type"], schema.get("format")
            shape.line = "maxLength" in schema
        constraints = {key: value for key, value in schema.items() if key in _CONSTRAINTS}
        if constraints:
            from jsonschema import Draft202012Validator  # here, because commands that read no manifest start sooner

            if "pattern" in constraints:
                constraints["pattern"] = _python_pattern(constraints["pattern"])
            shape.constraints = Draft202012Validator(constraints)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `anyOf: [X, null]` as X."""
    branches = [branch for branch in schema.get("anyOf", schema.get("allOf", ())) if branch.get("type") != "null"]
    return branches[0] if len(branches) == 1 else schema


def _python_pattern(pattern: str) -> str:
    """Return a pattern whose last `$` matches the end only, as in ECMA 262; Python's allows a line feed after it."""
    return re.sub(r"(?<!\\)\$$", r"\\Z", pattern)
