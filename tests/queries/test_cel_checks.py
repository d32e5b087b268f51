"""Expressions of new policies: what cannot be meant is refused, and what can be is not."""

import pytest

from descentd.graph.model.errors import Invalid, InvalidInput
from descentd.queries.governance.cel.checks import check
from descentd.queries.governance.cel.schema import EXAMPLES, Vocabulary
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
        ("1 + 1", "evaluates to 2, which is neither true nor false"),
        ('"true"', "neither true nor false"),
        ('metrics["x"].size()', "neither true nor false"),
        ('metrics["x"].map(m, m.value)', "neither true nor false"),
        ("profile.guardrails", "neither true nor false"),
        ('matches(version.name, "[")', "matches cannot be called like that"),
        ("version.name + 1 == 2", "Unsupported operation: string . int"),
        ("metrix.size() == 0", "did you mean metrics"),
        # Words that there are not: always unequal, so that a rule of them would hold, or fail, for ever.
        (
            'erosion.findings.filter(f, f.category == "Bias").size() == 0',
            'no category "Bias": it is one of perf',
        ),
        ('incidents.filter(i, i.severity == "CRITICAL").size() == 0', 'no severity "CRITICAL": it is one of low, '),
        ('incidents.all(i, !("CRITICAL" == i["severity"]))', 'no severity "CRITICAL"'),
        ('incidents.all(i, !((i.severity) in ["high", "CRITICAL"]))', 'no severity "CRITICAL"'),
        ('["high", "Critical"].all(s, !incidents.exists(i, i.severity == s))', 'no severity "Critical"'),
        ('!("Critical" in incidents.map(i, i.severity))', 'no severity "Critical"'),
        ('drift.all(d, d.kind != "STALE")', 'no kind of drift "STALE": it is one of MISSING_PROFILE, STALE_PROFILE, '),
        ('erosion.verdict != "eroded"', 'no verdict of erosion "eroded": it is one of ERODED, STABLE, '),
        ('erosion.since_serving == null || erosion.since_serving.verdict != "BAD"', 'no verdict of erosion "BAD"'),
        ('erosion.findings.all(f, f.kind != "STEP")', 'no kind of finding "STEP": it is one of STEP_REGRESSION, '),
        (
            'flags.all(f, f.action != "quarantine")',
            'no action of a flag "quarantine": it is',
        ),
        ('ancestry.flags.filter(f, f.action == "CLEAR").size() == 0', 'no action of a flag "CLEAR"'),
        ('ancestry.vulnerabilities.exists(v, v.severity.startsWith("CRIT"))', 'no severity "CRIT"'),
        ('erosion.findings.all(f, !f.category.contains("fair"))', 'no category "fair"'),
        ('version.has("Code")', 'no part of a version "Code": it is one of artifacts, code, '),
        ('"weights" in version.parts', 'no part of a version "weights"'),
        ('populations["age_group"]["65+"] == "UNTRAINED"', 'no answer about a population "UNTRAINED"'),
        ('kin.incidents.all(i, i.relation != "PARENT")', 'no relation "PARENT"'),
        ('review.decisions.exists(d, d.decision == "NO")', 'no decision "NO"'),
        ("version.has(version.name)", "version.has"),
        ("has(version.name)", "version.has"),
        ('populations[version.name]["65+"] == "TRAINED"', "written out"),
        ('populations["age_group"].size() == 1', "written out"),
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
        'erosion.findings.filter(f, f.category in ["bias", "toxicity"] || f.kind == "TRADE_OFF").size() == 0',
        'incidents.all(i, i.severity.startsWith("l") && i.title == "CRITICAL")',
        'version.has("code") && version.has("training_data") && version.age_days < 90.0',
        'training.datasets.all(d, d.license in ["cc-by-4.0", "proprietary"])',
        'populations["age_group"]["0-17"] == "NOT_TRAINED"',
        'kin.incidents.filter(i, i.severity in ["high", "critical"] && i.relation == "ANCESTOR").size() == 0',
        "erosion.findings.all(f, f.introduced_by.all(d, d.to != version.ref))",
    ],
)
def test_what_can_be_meant_is_let_through(source: str) -> None:
    check(source)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ('f.category == "bias" + "ed"', 'no category "biased"'),
        ('f.category == "" + "Bias"', "compared as a whole"),
        ('f.category in ["toxicity"] + ["bi" + "ass"]', 'no category "biass"'),
        ('"Bias" in ["toxicity", f.category]', 'no category "Bias"'),
        ('"Bias" in erosion.findings.map(g, g.category)', 'no category "Bias"'),
        ('erosion.findings.map(g, g.category) == ["Bias"]', 'no category "Bias"'),
        ('["toxicity", "Bias"] + [f.category] != []', 'no category "Bias"'),
        ('f.category + "x" == "biasx"', "compared as a whole"),
        ('"x" + f.category == "xbias"', "compared as a whole"),
        ('f.category == (f.p < 0.5 ? "Bias" : "bias")', "compared as a whole"),
        ('(f.p < 0.5 ? f.category : "Bias") == "Bias"', "compared as a whole"),
        ('f.category == {"a": "Bias"}["a"]', "compared as a whole"),
        ('{"a": f.category}["a"] == "Bias"', "compared as a whole"),
        (r'f.category == "B\x69as"', "compared as a whole"),
        ('f.category == r"Bias"', "compared as a whole"),
        ("f.category == f.metric", "compared as a whole"),
        ("f.category == f.kind", "compared as a whole"),
        ('f.category >= "bias"', "compared as a whole"),
        ('f.category.matches("Bias")', "compared as a whole"),
        ("f.category.startsWith(f.metric)", "compared as a whole"),
        ('string(f.category) == "Bias"', "compared as a whole"),
        ("size(f.category) == 4", "compared as a whole"),
        ('"Biased".contains(f.category)', "compared as a whole"),
    ],
)
def test_a_word_of_a_vocabulary_is_checked_whole_however_it_is_put(condition: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        check(f"erosion.findings.all(f, {condition})")


@pytest.mark.parametrize(
    "condition",
    [
        'f.category == "bi" + "as"',
        'f.category in ["toxicity"] + ["bias"]',
        '"bias" in ["toxicity", f.category]',
        '["bias", "toxicity"].exists(c, c == f.category)',
        "erosion.findings.exists(g, g.category == f.category)",
        'f.category != null && !(f.category == "bias")',
        'f.p < 0.5 ? f.category == "bias" : true',
        'f.metric + "x" == "biasx"',
        'erosion.findings.map(g, g.category).size() > 1 || "bias" in erosion.findings.map(g, g.category)',
    ],
)
def test_words_of_a_vocabulary_may_be_put_together(condition: str) -> None:
    check(f"erosion.findings.all(f, {condition})")


def test_every_field_of_every_variable_can_be_spoken_of() -> None:
    for name, example in EXAMPLES.items():
        for field in getattr(example, "example", ()):
            check(f"{name}.{field} != null")


@pytest.mark.parametrize("name", ["incidents", "flags", "drift", "erosion.findings", "ancestry.vulnerabilities"])
def test_every_word_that_there_is_may_be_compared_with(name: str) -> None:
    of = EXAMPLES[name.partition(".")[0]]
    [shape] = of if isinstance(of, list) else of.example[name.partition(".")[2]]
    for field, words in shape.example.items():
        if isinstance(words, Vocabulary):
            for word in words.words:
                check(f'{name}.all(x, x.{field} != "{word}")')
                with pytest.raises(InvalidInput, match=f'no {words.noun} "{word} "'):
                    check(f'{name}.all(x, x.{field} != "{word} ")')
