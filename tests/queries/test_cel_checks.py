"""Expressions of new policies: what cannot be meant is refused, and what can be is not."""

import pytest

from descentd.graph.model.errors import Invalid, InvalidInput
from descentd.queries.governance.cel.checks import EXAMPLES, check
from descentd.queries.governance.policies import PolicyInput


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('metrics["x"].all(m, m.badnes < 1)', "A result has no field badnes: did you mean badness"),
        ('metrics["x"].exists(m, m["valu"] > 1.0)', "did you mean value"),
        ('metrics["x"].filter(m, m.suit == "a").all(m, m.value > 1.0)', "did you mean suite"),
        ('metrics["x"][0].vale > 1.0', "did you mean value"),
        ('[metrics["x"]].all(l, (l).all(m, m.valu > 1.0))', "did you mean value"),
        ('incidents.all(i, i.sev == "x")', "An incident has no field sev: did you mean severity"),
        ('erosion.findings.filter(f, f.cat == "x").size() == 0', "A finding has no field cat: did you mean category"),
        ('drift[0].knd == "x"', "A finding of drift has no field knd"),
        ('version.interventions.all(i, i.targets.all(t, t.attr == "x"))', "A target has no field attr"),
        ('profile.known_biases.exists(b, b.attribut == "x")', "A known bias has no field attribut"),
        ('ancestry.retracted.all(r, r.nme == "x")', "has no field nme: it is one of id, reason, ref"),
        ("1 + 1", "comes to 2, which is neither true nor false"),
        ('"true"', "neither true nor false"),
        ('metrics["x"].size()', "neither true nor false"),
        ('metrics["x"].map(m, m.value)', "neither true nor false"),
        ("profile.guardrails", "neither true nor false"),
        ('matches(version.name, "[")', "matches cannot be called like that"),
        ("version.name + 1 == 2", "Unsupported operation: string . int"),
        ("metrix.size() == 0", "did you mean metrics"),
    ],
)
def test_what_cannot_be_meant_is_refused(source: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        check(source)
    with pytest.raises(Invalid, match=reason):
        PolicyInput.read({"environment": "e", "rules": [{"name": "r", "expression": source}]})


@pytest.mark.parametrize(
    "source",
    [
        "true",
        'metrics["x"].all(m, m.slice.age == "65+" || m.value > 0.5)',
        '["65+"].all(g, metrics["x"].exists(m, "age" in m.slice && m.slice["age"] == g))',
        'metrics["x"].map(m, {"v": m.value}).all(k, k.v > 0.1)',
        'metrics["x"].map(m, m.value).all(v, v > 0.1)',
        'metrics["x"].all(m, m.delta_serving == null || m.delta_serving < 0.04)',
        'metrics["x"].filter(m, m.suite == "s").all(m, m.stderr < 0.1 && m.n > 5)',
        'profile.must_not_do.exists(t, t.contains("x")) && size(flags) == 0',
        "version.interventions[0].targets[0].value == null",
        "[1, 2].exists(i, i > 1)",
    ],
)
def test_what_can_be_meant_is_let_through(source: str) -> None:
    check(source)


def test_every_field_of_every_variable_can_be_spoken_of() -> None:
    for name, example in EXAMPLES.items():
        for field in getattr(example, "example", ()):
            check(f"{name}.{field} != 'never'")
