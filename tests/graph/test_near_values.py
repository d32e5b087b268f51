"""Values of populations that are nearly the same, by how they read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.populations import folded


@pytest.mark.parametrize(("one", "other"), [("1-8", "18"), ("-5", "5"), (">-5", ">5"), ("A-", "A"), ("65+", "65")])
def test_numbers_stay_apart_and_signs_stay_signs(one: str, other: str) -> None:
    assert folded(one) != folded(other)
    assert folded(folded(one)) == folded(one)


@given(st.text(st.sampled_from("ab01 _-\u2013+<")), st.sampled_from((" ", "_", "\u2013", "\u2212", " - ")))
def test_another_joint_reads_the_same(text: str, joint: str) -> None:
    assert folded(text) == folded(folded(text))
    for inside in ("x{}y", "2{}y", "x{}2"):
        assert folded(inside.format(joint)) == folded(inside.format("-"))
    assert folded(f"1{joint}8{text}") == folded(f"1-8{text}")
