"""The JSON Schema of a manifest as people write it in YAML, for editors that complete and check while one types.

It is made from `manifest.schema.json`, which describes what is sent: keys are in snake_case and enum values in lower
case, `slice` and `dependencies` may be short, and a text may look like a number, since YAML's `1.10` is read as text.
"""

import json
from importlib import resources
from typing import Any, Final

from descent.convert import PAIRS, snake_case

_TEXT: Final = ["string", "number", "boolean"]
_DROPPED: Final = frozenset({"title", "format", "default"})


def editor_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema, draft 2020-12)."""
    sent = json.loads(resources.files("descent").joinpath("manifest.schema.json").read_text("utf-8"))
    whole: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Descent manifest",
        **_written(sent),
    }
    return whole


def _written(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of what is sent as one of what is written."""
    written: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            written[key] = {snake_case(name): _written(member) for name, member in value.items()}
        elif key == "required":
            written[key] = [snake_case(name) for name in value]
        elif key == "enum":
            written[key] = [one.lower() for one in value]
        elif key == "$defs":
            written[key] = {name: _written(member) for name, member in value.items()}
        elif key in ("anyOf", "allOf"):
            written[key] = [_written(branch) for branch in value]
        elif key == "items":
            written[key] = _written(value)
        elif key not in _DROPPED:
            written[key] = value
    if schema.get("type") == "string" and "enum" not in schema and "sha256" not in schema.get("pattern", ""):
        written["type"] = _TEXT
    return _with_short_form(written, schema)


def _with_short_form(written: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Let a list of pairs be written as a mapping of names to values, too."""
    item = schema.get("items", {}).get("$ref", "").rpartition("/")[2]
    if item not in PAIRS:
        return written
    return {"anyOf": [written, {"type": "object", "additionalProperties": {"type": _TEXT}}]}
