"""Answers as JSON: what is written is read as what it was, by Python's own reader."""

import json
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.graphql.http import encode
from descentd.app.graphql.schema.scalars import Ref

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**63 - 2, 2**64 + 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


class Mood(StrEnum):
    CALM = "calm"


class Said(str):
    """Text of a class of its own."""

    __slots__ = ()


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES))
def test_what_is_written_is_read_again(value: dict[str, Any]) -> None:
    assert json.loads(encode(value)) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": Mood.CALM, "b": Said("x"), "c": Ref("model:m@1")}, b'{"a":"calm","b":"x","c":"model:m@1"}'),
        ({Mood.CALM: 1}, b'{"calm":1}'),
        ({"n": 2**64, "m": -(2**63) - 1}, b'{"n":18446744073709551616,"m":-9223372036854775809}'),
        ({"pair": (1, 2), "text": "≥ é \U0001f600"}, '{"pair":[1,2],"text":"≥ é \U0001f600"}'.encode()),
    ],
)
def test_what_python_has_and_json_has_not(value: dict[str, Any], written: bytes) -> None:
    assert encode(value) == written


@pytest.mark.parametrize("value", [{"half": "\ud800"}, {"\udfff": 1}, {"half": ["\ud800", 2**70]}])
def test_half_a_character_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode(value)
