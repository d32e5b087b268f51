"""Strict JSON: everything that JSON allows is read as Python reads it; what Python adds to it is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.http import strict_json
from descentd.graph.model.errors import InvalidInput

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=50,
)


@given(values, st.booleans())
def test_what_is_json_is_read(value: Any, escaped: bool) -> None:
    assert strict_json.read(json.dumps(value, ensure_ascii=escaped).encode()) == value


@given(st.binary())
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        value = strict_json.read(body)
    except InvalidInput:
        return
    assert json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "text",
    [
        *('{"a":1,"a":1}', '[{"b":{"a":1,"\\u0061":2}}]', "NaN", "Infinity", "-Infinity", "[1e309]", "-1e400"),
        *('"\\ud800"', '{"\\udfff":1}', '"\\ude00\\ud83d"', "\ufeff1", "'a'", "[1,]", "{} {}", "01", '"\t"', ""),
        *("9" * 5000, "[" * 81 + "1" + "]" * 81, '{"a":' * 81 + "1" + "}" * 81, "[" * 10**6, "[{}" + ",1" * 99 + "}"),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        strict_json.read(text.encode())


@pytest.mark.parametrize(
    "text", ['"\\ud83d\\ude00"', "[" * 80 + "1" + "]" * 80, "1e308", "9007199254740993", '{"a":1,"A":1}']
)
def test_read(text: str) -> None:
    assert strict_json.read(text.encode()) == json.loads(text)


def test_a_million_values_are_read_and_no_more() -> None:
    most = b'["",' + b"0," * 999_999 + b"0]"
    assert len(strict_json.read(most)) == 1_000_001
    with pytest.raises(InvalidInput, match="more than 1,000,000 values"):
        strict_json.read(most[:-1] + b",0]")


def test_finding_a_key_that_occurs_twice_takes_linear_time() -> None:
    """Quadratic time would be a quarter of an hour here, in which nobody else is answered."""
    keys = ",".join(f'"{i:06}":1' for i in range(200_000))
    with pytest.raises(InvalidInput, match="'199999' occurs twice"):
        strict_json.read(f'{{{keys},"199999":1}}'.encode())
