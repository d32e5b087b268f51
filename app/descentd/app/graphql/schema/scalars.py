"""The scalars of the schema. They accept any text: its content is checked once, where it is used."""

import json
from typing import Any, Final, NewType

import strawberry
from strawberry.schema.config import StrawberryConfig

from descentd.graph.model.names import four_digit_year

Ref = NewType("Ref", str)
DateTime = NewType("DateTime", str)
Digest = NewType("Digest", str)
JSON = NewType("JSON", object)
Count = NewType("Count", int)


def _shown(value: Any) -> str:
    """The beginning of a value, in JSON."""
    return json.dumps(value, ensure_ascii=False)[:80]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"Expected text, got {_shown(value)}.")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"Expected an integer from 0 to 2^53 - 1, got {_shown(value)}.")
    return value


def _same(value: Any) -> Any:
    return value


CONFIG: Final = StrawberryConfig(
    scalar_map={
        Ref: strawberry.scalar(
            name="Ref",
            description="model:NAME@VERSION, dataset:NAME@VERSION, dataset:NAME@VERSION#PARTITION or a content id.",
            serialize=_same,
            parse_value=_text,
        ),
        DateTime: strawberry.scalar(
            name="DateTime",
            description="RFC 3339 with offset, `2025-01-15T10:00:00Z`. Answers are in UTC.",
            serialize=four_digit_year,
            parse_value=_text,
        ),
        Digest: strawberry.scalar(
            name="Digest", description="`sha256:` and 64 hexadecimal digits.", serialize=_same, parse_value=_text
        ),
        JSON: strawberry.scalar(name="JSON", description="Any JSON value.", serialize=_same, parse_value=_same),
        Count: strawberry.scalar(
            name="Count", description="An integer from 0 to 2^53 - 1.", serialize=_same, parse_value=_count
        ),
    }
)
