"""The values that a rule used, in words, for those who read why a version is blocked."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.governance.cel.tokens import tokenized
from descentd.queries.prose import capitalized, conjunction, counted, of_slice, shortened


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a rule asks about: the fields that it may select, and the numbers that it compares with.

    A number is written in as many digits as show on which side of those it is: 0.1004 is not 0.1 to a rule of 0.1.
    """

    fields: Collection[str]
    bounds: Sequence[float]

    @classmethod
    def by(cls, expression: Expression) -> "_Asked":
        """By an expression; its signs are left out, since rounding keeps them."""
        texts = [token.text.rstrip("u") for token in tokenized(expression.source) if token.kind == "number"]
        return cls(expression.fields, [float(int(text, 16)) if "x" in text else float(text) for text in texts])

    def number(self, value: float) -> str:
        """A number, in four significant digits or more."""
        return self._written(value, [f".{digits}g" for digits in range(4, 18)])

    def age(self, days: float) -> str:
        """An age, in whole days where that is enough."""
        text = self._written(days, [f".{digits}f" for digits in range(7)])
        return f"{text} {'day' if text == '1' else 'days'} old"

    def _written(self, value: float, forms: Sequence[str]) -> str:
        texts = [format(value, form) for form in forms]
        return next((text for text in texts if self._sides(float(text)) == self._sides(value)), texts[-1])

    def _sides(self, value: float) -> list[tuple[bool, bool]]:
        return [(abs(value) < bound, abs(value) > bound) for bound in self.bounds]


def explain(expression: Expression, variables: Mapping[str, Any]) -> str:
    """What the variables of an expression were, shortly; empty where there is nothing to tell of them."""
    named, asked = sorted(expression.variables), _Asked.by(expression)
    parts = [_explained(name, variables[name], asked) for name in named if name in variables]
    return "; ".join(part for part in parts if part)


def as_sentence(saw: str, variables: Mapping[str, Any]) -> str:
    """What `explain` says as a sentence: with a capital, unless it begins with a name, which is written as it is."""
    first = saw.partition(" ")[0]
    is_name = first in variables.get("metrics", ()) or first in variables.get("populations", ()) or "@" in first
    return f"{saw.rstrip('.')}." if is_name else capitalized(saw)


def _explained(name: str, value: Any, asked: _Asked) -> str:
    try:
        if name in _BY_WHAT_IS_ASKED:
            return _BY_WHAT_IS_ASKED[name](value, asked)
        return _EXPLANATIONS[name](value) if name in _EXPLANATIONS else ""
    except KeyError:
        return ""  # of some variables only those parts were looked up that the policy mentions


def _metrics(metrics: Mapping[str, Sequence[Mapping[str, Any]]], asked: _Asked) -> str:
    found = [
        f"{name}{of_slice(one['slice'])} is {asked.number(one['value'])}{_beside(one, asked)}"
        for name, results in metrics.items()
        for one in results
    ]
    return shortened(found)


def _beside(result: Mapping[str, Any], asked: _Asked) -> str:
    """What else of a result is asked about, in parentheses."""
    fields = asked.fields
    said = [
        words(result[field], asked) for field, words in _RESULT.items() if field in fields and result[field] is not None
    ]
    if "delta_serving" in fields and result["delta_serving"] is None:
        said.append("nothing that serves can be compared")
    return f" ({', '.join(said)})" if said else ""


def _delta(worse: float, asked: _Asked) -> str:
    if worse == 0:
        return "the same as what serves"
    return f"{asked.number(abs(worse))} {'worse' if worse > 0 else 'better'} than what serves"


_RESULT: Final[Mapping[str, Callable[[Any, _Asked], str]]] = {
    "badness": lambda badness, asked: f"badness {asked.number(badness)}",
    "newest": lambda newest, asked: f"the newest result {asked.number(newest)}",
    "newest_badness": lambda badness, asked: f"badness of the newest result {asked.number(badness)}",
    "runs": lambda runs, _: f"of {counted(runs, 'result')}",
    "stderr": lambda error, asked: f"standard error {asked.number(error)}",
    "n": lambda n, _: f"n {n:,}",
    "delta_serving": _delta,
    "age_days": lambda days, asked: asked.age(days),
    "contaminated": lambda contaminated, _: "contaminated" if contaminated else "not contaminated",
    "suite": lambda suite, _: f"suite {suite}",
    "suite_version": lambda version, _: f"version {version} of it",
    "data": lambda ref, _: f"on {ref}",
}
"""What is said of a field of a result, where a rule asks about it."""


def _erosion(erosion: Mapping[str, Any], asked: _Asked) -> str:
    whole = f"erosion is {_assessed(erosion)}"
    if "shown_not_worse" in asked.fields:
        whole = f"{whole}, {_shown(erosion['series'])}"
    if "since_serving" not in asked.fields:
        return whole
    since = erosion["since_serving"]
    return f"{whole}, since what serves {_assessed(since)}" if since else f"{whole}, and no other version serves there"


def _shown(series: Sequence[Mapping[str, Any]]) -> str:
    """In how many series it was shown that a version is not worse, and in which it was not."""
    lacking = [
        f"{one['metric']}{of_slice(one['slice'])} by {one['suite']}" for one in series if not one["shown_not_worse"]
    ]
    shown = f"shown not to be worse than the tolerance in {len(series) - len(lacking)} of {len(series)} series"
    return f"{shown}, not in {shortened(lacking)}" if lacking else shown


def _assessed(assessment: Mapping[str, Any]) -> str:
    found = [f"{one['kind']} of {one['metric']}{of_slice(one['slice'])}" for one in assessment["findings"]]
    return f"{assessment['verdict']}" + (f" ({shortened(found)})" if found else "")


def _probes(probes: Mapping[str, int]) -> str:
    not_run = counted(probes["not_run"], "probe")
    return f"{not_run} not run, {probes['reproduced']} reproduced, {probes['resisted']} resisted"


def _flags(flags: Sequence[Mapping[str, str]]) -> str:
    return shortened([f"flagged {flag['action']}: {flag['reason']}" for flag in flags])


def _incidents(incidents: Sequence[Mapping[str, str]]) -> str:
    return shortened([f"open incident ({one['severity']}): {one['title']}" for one in incidents])


def _drift(drift: Sequence[Mapping[str, str]]) -> str:
    return shortened([one["message"].rstrip(".") for one in drift])


def _ancestry(ancestry: Mapping[str, Any]) -> str:
    above = [f"an ancestor is {_flags([flag])}" for flag in ancestry.get("flags", ())]
    above += [
        f"it came from {one['ref']}, which was retracted: {one['reason']}" for one in ancestry.get("retracted", ())
    ]
    above += [f"inherited weakness: {one['title']}" for one in ancestry.get("vulnerabilities", ())]
    above += [
        f"{one['by']} said {one['decision']} on {one['ref']} for {one['environment']}"
        for one in ancestry.get("reviews", ())
    ]
    return shortened(above)


def _training(training: Mapping[str, Any]) -> str:
    return shortened(
        [f"{one['ref']} has the license {one['license'] or '(none named)'}" for one in training["datasets"]]
    )


def _populations(populations: Mapping[str, Mapping[str, str]]) -> str:
    return shortened(
        [
            f"{attribute} {value} is {answer}"
            for attribute, answers in populations.items()
            for value, answer in answers.items()
        ]
    )


def _kin(kin: Mapping[str, Any]) -> str:
    return shortened(
        [
            f"open incident ({one['severity']}) of {one['ref']} ({one['relation'].lower().replace('_', ' ')}): "
            f"{one['title']}"
            for one in kin["incidents"]
        ]
    )


def _version(version: Mapping[str, Any], asked: _Asked) -> str:
    return f"its record holds {conjunction(version['parts']) or 'nothing'}, and it is {asked.age(version['age_days'])}"


def _profile(profile: Mapping[str, Any], asked: _Asked) -> str:
    if not profile["present"]:
        return "there is no safety profile"
    return f"the safety profile is {asked.age(profile['age_days'])}"


def _review(review: Mapping[str, Any]) -> str:
    return f"{counted(review['go'], 'person', 'people')} said GO and {review['no_go']} NO_GO"


_BY_WHAT_IS_ASKED: Final[Mapping[str, Callable[[Any, _Asked], str]]] = {
    "metrics": _metrics,
    "erosion": _erosion,
    "version": _version,
    "profile": _profile,
}
"""How variables are told of that say more the more a rule asks about."""

_EXPLANATIONS: Final[Mapping[str, Callable[[Any], str]]] = {
    "probes": _probes,
    "flags": _flags,
    "incidents": _incidents,
    "drift": _drift,
    "ancestry": _ancestry,
    "training": _training,
    "populations": _populations,
    "kin": _kin,
    "review": _review,
}
