"""Attacks by policies: what would compute for ever, take all memory, overflow a stack, or pass on nothing."""

import json
from typing import Any

from tests.attack.attack import Run, Table
from tests.attack.target import Target

attack = Table()
REGISTER = "mutation M($m: ManifestInput!) { register(manifest: $m) { created } }"
TRIAL = """
query T($policy: String!) {
  policyTrial(policy: $policy) {
    outcomes(of: ["model:judged@1"]) { edges { node { outcome rules { name outcome message } } } }
  }
}
"""
RESULTS = 'metrics["accuracy"]'


def policy(expression: str) -> str:
    """The text of a policy with one rule; JSON is YAML."""
    return json.dumps({"environment": "trial", "rules": [{"name": "rule", "expression": expression}]})


def judged(target: Target) -> None:
    """Register a version of which an evaluator chose to register 60 results."""
    results = [
        {"name": "accuracy", "value": 0.5, "n": 100, "slice": [{"attribute": "group", "value": str(i)}]}
        for i in range(60)
    ]
    evaluation = {"subject": "model:judged@1", "suite": {"name": "s", "version": "1"}, "metrics": results}
    models = [{"name": "judged", "version": "1", "safetyProfile": {"intendedUse": "Rank.", "mustNotDo": ["Decide."]}}]
    for person, manifest in (("ada", {"models": models}), ("eva", {"evaluations": [evaluation]})):
        answer = target.ask(REGISTER, person, m=manifest)
        assert "errors" not in answer, answer


def tried(target: Target, expression: str) -> dict[str, Any]:
    """What a policy of one expression comes to, or the error that it is refused with."""
    judged(target)
    return target.ask(TRIAL, "adm", policy=policy(expression))


def survives(expression: str) -> Run:
    """A rule that may come to something, and leaves the server answering others."""

    def run(target: Target) -> None:
        _rule(tried(target, expression))
        target.check_alive()

    return run


def never_passes(expression: str) -> Run:
    """A rule that is refused, or INCOMPLETE with a reason, and leaves the server answering others."""

    def run(target: Target) -> None:
        rule = _rule(tried(target, expression))
        target.check_alive()
        if rule is not None:
            assert rule["outcome"] == "INCOMPLETE", rule
            assert rule["message"], rule

    return run


def _rule(answer: dict[str, Any]) -> dict[str, Any] | None:
    """What the rule came to; None where it was refused as wrong input."""
    if "errors" in answer:
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT", answer
        return None
    [edge] = answer["data"]["policyTrial"]["outcomes"]["edges"]
    [rule] = [one for one in edge["node"]["rules"] if one["name"] == "rule"]
    found: dict[str, Any] = rule
    return found


def nested(levels: int, inner: str) -> str:
    """`all` of the same results, levels deep."""
    names = [f"m{i}" for i in range(levels)]
    return "".join(f"{RESULTS}.all({name}, " for name in names) + inner + ")" * levels


def doubled(start: str, times: int) -> str:
    """Something that is added to itself again and again."""
    return f"[{start}]" + "".join(f".map(x{i}, x{i} + x{i})" for i in range(times)) + ".size() == 1"


attack.each(
    {
        "CEL: exists, five deep over a list": never_passes(
            "".join(f"{list(range(60))}.exists(a{i}, " for i in range(5)) + "a0 + a4 < 0" + ")" * 5
        ),
        "CEL: lists of lists of results": never_passes(f"[{RESULTS}]" + ".map(x, [x, x])" * 30 + ".size() == 1"),
        "CEL: a text that is doubled fifty times": never_passes(doubled('"a"', 50)),
        "CEL: a list that is doubled fifty times": never_passes(doubled("[1, 2]", 50)),
        "CEL: a regular expression with large repetitions": survives('"a".matches("((a{1000}){1000}){1000}")'),
    },
    cheap=False,
)
attack.each(
    {
        "CEL: all, four deep over 60 results": never_passes(nested(4, "m0.value + m3.value >= 0.0")),
        "CEL: a regular expression that goes back": survives(
            '"' + "a" * 2000 + '!".matches("(a+)+$") || "' + "a" * 1500 + '".matches("(x+x+)+y")'
        ),
        "CEL: 3,900 times not": survives("!" * 3900 + "profile.present"),
        "CEL: 3,900 times minus": survives("-" * 3900 + "1 == 1 && 1 / 0 == 1"),
        "CEL: 600 conditions in a row": survives("true ? true : " * 280 + "1 / 0 == 1"),
        "CEL: 2,000 terms": survives("1" + "+1" * 1900 + " == 1 / 0"),
        "CEL: brackets 1,900 deep": survives("(" * 1900 + "true" + ")" * 1900),
        "CEL: fields of fields": survives("version" + ".name" * 700 + " == 1"),
        "CEL: conditions within conditions on results": never_passes(
            nested(20, 'm0.suite == "s" && m0.value > 0.1').replace(", ", ', m0.suite == "x" || m0.value > 0.0 && ', 19)
        ),
        "CEL: an integer that is too large": never_passes("9223372036854775807 + 1 > 0"),
        "CEL: 4,001 characters": never_passes(" " * 4000 + "true && 1 / 0 == 1"),
        "CEL: a NUL and halves of characters": never_passes('"\\u0000" == "\\ud800" || 1 / 0 == 1'),
    }
)


@attack("YAML: aliases that stand for a billion values")
def _(target: Target) -> None:
    layers = "".join(f"&a{i + 1} [" + ", ".join([f"*a{i}"] * 100) + "], " for i in range(5))
    target.refused("INVALID_INPUT", TRIAL, "adm", policy="environment: [&a0 x, " + layers + "]\nrules: []")


@attack("YAML: a policy of 100,000 rules, and one of 2 MB")
def _(target: Target) -> None:
    rules = [{"name": f"r{i}", "expression": "true"} for i in range(5_000)]
    for text in (json.dumps({"environment": "e", "rules": rules}), "# " + "x" * (2 << 20)):
        target.refused("INVALID_INPUT", TRIAL, "adm", policy=text)


@attack("YAML: objects of Python")
def _(target: Target) -> None:
    target.refused("INVALID_INPUT", TRIAL, "adm", policy="!!python/object/apply:os.system ['true']")


@attack("a rule that holds only because nothing was measured")
def _(target: Target) -> None:
    for expression in (
        f'{RESULTS}.filter(m, m.suite == "other").all(m, m.value > 0.9)',
        f'!{RESULTS}.exists(m, m.suite == "other")',
        'metrics["nothing"].all(m, m.value > 0.9)',
        '!("nothing" in metrics) || true',
    ):
        never_passes(expression)(target)
