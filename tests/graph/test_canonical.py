"""The canonical form of JSON: what rfc8785 writes, whichever way it was written."""

from typing import Any, Final

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import canonical, parse

_FLOATS: Final = st.floats(allow_nan=False, allow_infinity=False)
_INTEGERS: Final = st.integers(1 - 2**53, 2**53 - 1)
_TEXTS: Final = st.text() | st.sampled_from(['":1.0,', "null", ":null,", "[1e-5]", "\u2028", "\x7f", "\x1f"])
_VALUES: Final = st.recursive(
    st.none() | st.booleans() | _FLOATS | _INTEGERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_TEXTS, _VALUES, max_size=4) | st.lists(_VALUES, max_size=4))
@example([1.0, -0.0, 1e16, 1e21, 1e-5, 1e-7, 5e-324, 2.0**53, 123456789012345680.0])
@example([9007199254740991, -9007199254740991, 10**15])
@example({"\U0001f600": 1, "\uffff": 2})
@example({"digest": "sha256:0011223300112233"})
def test_it_is_what_rfc8785_writes(content: Any) -> None:
    body = canonical(content)
    assert body == rfc8785.dumps(content)
    assert canonical(parse(body)) == body


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": float("nan")}, "NaN"),
        ([None, float("inf")], "NaN"),
        ({"a": [2**53]}, "past 2^53"),
        ({"a": -(2**60)}, "past 2^53"),
        ({"a": 2**70}, "past 2^53"),
        ({"a": "\ud800"}, "surrogates"),
        ({1: 2}, "keys as texts"),
        ({"a": object()}, "not a JSON value"),
    ],
)
def test_what_is_no_json_has_no_canonical_form(content: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said.replace("^", r"\^")):
        canonical(content)
