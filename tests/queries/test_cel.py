"""Expressions of policies: what is refused, what is true, and what is neither."""

import pytest

from descentd.graph.model.errors import InvalidInput
from descentd.queries.governance.cel.engine import Undecided
from descentd.queries.governance.cel.expressions import compiled

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


MEASURED = {"value": 0.9, "badness": -0.9, "stderr": None, "n": 50, "contaminated": False, "delta_serving": None}
CHOOSABLE = {
    "metrics": {
        "x": [
            MEASURED | {"suite": "std", "suite_version": "1", "data": None, "slice": {}},
            MEASURED | {"suite": "std", "suite_version": "1", "data": None, "slice": {"age_group": "65+"}},
        ]
    }
}


@pytest.mark.parametrize(
    "source",
    [
        '!metrics["x"].filter(m, "sex" in m.slice).exists(m, m.badness > 0.1)',
        'metrics["x"].filter(m, m.slice == {"age_group": "18-64"}).size() == 0',
        '[metrics["x"].filter(m, m.suite == "nosuch")].all(l, l.all(m, m.value > 2.0))',
        '[metrics["x"]].all(l, l.filter(m, m["suite"] == "nosuch").size() == 0)',
        'metrics["x"].filter(m, m.suite == "nosuch").all(m, false) || true',
        'true || metrics["x"].filter(m, m.suite == "nosuch").size() == 0',
        'version.name != "m" || metrics["x"].filter(m, m.suite == "nosuch").all(m, m.value > 2.0)',
        'version.name == "m" ? true : metrics["x"].filter(m, m.data == "dataset:d@1").all(m, m.value > 2.0)',
        'metrics["x"].filter(m, m.suite == "nosuch").map(m, m.value > 2.0).all(x, x)',
        'metrics["x"].map(m, m.suite == "nosuch", m.value).all(v, v > 2.0)',
        'size(metrics["x"].filter(m, m.suite == "nosuch" && m.value < 0.9)) < 1',
        'metrics["x"].all(m, m.suite != "nosuch" || m.value > 2.0)',
        'metrics["x"].all(m, (m.suite != "nosuch" || m.value > 2.0) && (m.suite != "std" || m.value > 0.5))',
        'metrics["x"].all(m, !("sex" in m.slice) || m.value > 2.0)',
        '!metrics["x"].exists(m, m.suite == "nosuch" && m.badness > 0.1)',
        '!metrics["x"].exists_one(m, m.suite == "nosuch" && m.badness > 0.1)',
        '!metrics["x"].exists(m, m.suite == "nosuch")',
        '["65+", "18-64"].all(g, !metrics["x"].filter(m, m.slice == {"age_group": g}).exists(m, m.badness > 0.1))',
        '["65+", "18-64"].all(g, metrics["x"].filter(m, m.slice == {"age_group": g} && m.badness > 0.1).size() == 0)',
        'metrics["x"].filter(m, m.slice["sex"] == "f").all(m, m.value > 2.0) || true',
    ],
)
def test_what_chooses_nothing_never_holds(source: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Undecided):
        compiled(source).evaluate(CHOOSABLE | {"version": {"name": "m"}})
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('!metrics["x"].filter(m, "age_group" in m.slice).exists(m, m.badness > 0.1)', True),
        ('metrics["x"].filter(m, m.badness > 0.1).size() == 0', True),
        ('metrics["x"].filter(m, m.contaminated).size() == 0', True),
        ('metrics["x"].filter(m, m.suite == "std" && m.badness > 0.1).size() == 0', True),
        ('!metrics["x"].exists(m, m.suite == "std" && m.badness > 0.1)', True),
        ('metrics["x"].exists(m, m.suite == "std" && m.badness > 0.1)', False),
        ('metrics["x"].all(m, m.suite != "std" || m.value > 0.5)', True),
        ('metrics["x"].all(m, m.suite == "std" && m.value > 0.5)', True),
        ('metrics["x"].all(m, m.suite == "nosuch" && m.value > 0.5)', False),
        ('metrics["x"].all(m, m.suite != "nosuch")', True),
        ('metrics["x"].filter(m, m.suite != "nosuch").all(m, m.n >= 50)', True),
        ('metrics["x"].all(m, m.suite != "std" || m.delta_serving == null || m.delta_serving < 0.1)', True),
        ('["65+", "18-64"].all(g, metrics["x"].exists(m, "age_group" in m.slice && m.slice["age_group"] == g))', False),
        ('["65+"].all(g, metrics["x"].exists(m, "age_group" in m.slice && m.slice["age_group"] == g))', True),
    ],
)
def test_what_chooses_something_comes_to_its_value(source: str, value: bool) -> None:
    assert compiled(source).evaluate(CHOOSABLE) is value


def test_the_first_edition_noticed_less() -> None:
    missed = compiled('!metrics["x"].filter(m, m.suite == "nosuch").exists(m, m.badness > 0.1)')
    assert missed.evaluate_as_first(CHOOSABLE) is True
    noticed = compiled('metrics["x"].filter(m, m.suite == "nosuch").all(m, m.badness > 0.1)')
    with pytest.raises(Undecided):
        noticed.evaluate_as_first(CHOOSABLE)
