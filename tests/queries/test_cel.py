"""Expressions of policies: what is refused, what is true, and what is neither."""

import pytest

from descentd.graph.errors import InvalidInput
from descentd.queries.cel import Undecided, compiled

RESULTS = {"metrics": {"x": [{"badness": 1.0, "stderr": None, "slice": {"age_group": "65+"}}]}}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 +", "line 1, column 4: Syntax error"),
        ('metrics["x"].all(m, m.badness <= 1', r"the \( is not closed"),
        ('metrics["x"]]', r"the \] closes nothing"),
        ("metrix.size() == 0", "no variable metrix: did you mean metrics"),
        ("flags.all(f, true) && f.id == 1", "no variable f"),
        ("unheard(1)", "no function unheard"),
        ("cel.bind(a, 1, a)", "no function bind"),
        ('erosion.verdit == "STABLE"', "no field verdit: did you mean verdict"),
        ("[1].all(metrics, true)", "binds the name metrics"),
        ("[1].all(i, j, true)", "no function|takes a name|no variable"),
        ("metrics", "written out"),
        ("metrics.x", "written out"),
        ("metrics[x]", "no variable x"),
        ('["x"].exists(k, metrics[k].size() > 0)', "written out"),
        ('metrics["x" + ""].size() > 0', "written out"),
        (r'metrics["\x78"].size() > 0', "written out"),
        ('metrics[r"x"].size() > 0', "written out"),
        ('"a" + "x" in metrics', "written out"),
        ('{"m": metrics}["m"]["x"].size() > 0', "written out"),
        ('[metrics].all(all_of, all_of["x"].size() > 0)', "written out"),
        ('.metrics["x"].size() > 0', "cannot be followed"),
        ("(" * 40 + "true" + ")" * 40, "nested deeper"),
        ("true || " * 600 + "true", "4800|4804"),
    ],
)
def test_what_cannot_be_followed_is_refused(source: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        compiled(source)


def test_it_knows_what_it_speaks_of() -> None:
    found = compiled(
        '"a" in metrics && metrics[\'b\'].all(m, m.delta_serving < 1) // "c" in metrics\n && flags.size() == 0'
    )
    assert found.metrics == {"a", "b"}
    assert found.variables == {"metrics", "flags"}
    assert "delta_serving" in found.fields


def test_texts_that_look_like_names_are_none() -> None:
    found = compiled('version.ref == "metrics[k]" || version.name == """x in metrics"""')
    assert found.metrics == frozenset()
    assert found.variables == {"version"}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 < 1.5 && 2.0 > 1", True),
        ('metrics["x"].all(m, m.badness <= 1)', True),
        ('metrics["x"].map(m, m.badness).all(b, b < 2)', True),
        ('metrics["x"].filter(m, m.slice["age_group"] == "65+").all(m, m.badness < 1)', False),
        ('["65+"].all(g, metrics["x"].exists(m, m.slice["age_group"] == g))', True),
        ('metrics["x"].filter(m, m.badness > 1).size() == 0', True),
    ],
)
def test_it_comes_to_a_value(source: str, value: bool) -> None:
    assert compiled(source).evaluate(RESULTS) is value


@pytest.mark.parametrize(
    "source",
    [
        'metrics["x"].all(m, m.stderr < 1)',
        'metrics["x"].all(m, m.unheard < 1)',
        'metrics["y"].all(m, true)',
        'metrics["x"].filter(m, m.badness > 5).all(m, true)',
        '!metrics["x"].filter(m, m.badness > 5).all(m, true)',
        '(metrics["x"].filter(m, m.badness > 5)).all(m, true)',
        '["18-64"].all(g, metrics["x"].filter(m, m.slice["age_group"] == g).all(m, true))',
        '(true ? metrics["x"] : []).map(m, m.badness > 5, m).all(m, true)',
    ],
)
def test_what_is_not_there_comes_to_nothing(source: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Undecided):
        compiled(source).evaluate(RESULTS)
    assert capfd.readouterr().err == ""
