"""The values that a rule used, in words, for those who read why a version is blocked."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.prose import conjunction, counted, of_slice, shortened


def explain(expression: Expression, variables: Mapping[str, Any]) -> str:
    """What the variables of an expression were, shortly; empty where there is nothing to tell of them."""
    named = sorted(expression.variables)
    parts = [_explained(name, variables[name], expression.fields) for name in named if name in variables]
    return "; ".join(part for part in parts if part)


def _explained(name: str, value: Any, fields: Collection[str]) -> str:
    try:
        if name in _BY_FIELDS:
            return _BY_FIELDS[name](value, fields)
        return _EXPLANATIONS[name](value) if name in _EXPLANATIONS else ""
    except KeyError:
        return ""  # of some variables only those parts were looked up that the policy mentions


def _metrics(metrics: Mapping[str, Sequence[Mapping[str, Any]]], fields: Collection[str]) -> str:
    found = [
        f"{name}{of_slice(one['slice'])} is {one['value']:.4g}{_beside(one, fields)}"
        for name, results in metrics.items()
        for one in results
    ]
    return shortened(found)


def _beside(result: Mapping[str, Any], fields: Collection[str]) -> str:
    """What else of a result is asked about, in parentheses."""
    said = [words(result[field]) for field, words in _RESULT.items() if field in fields and result[field] is not None]
    if "delta_serving" in fields and result["delta_serving"] is None:
        said.append("nothing that serves can be compared")
    return f" ({', '.join(said)})" if said else ""


def _delta(worse: float) -> str:
    if worse == 0:
        return "the same as what serves"
    return f"{abs(worse):.4g} {'worse' if worse > 0 else 'better'} than what serves"


_RESULT: Final[Mapping[str, Callable[[Any], str]]] = {
    "badness": lambda badness: f"badness {badness:.4g}",
    "newest": lambda newest: f"the newest result {newest:.4g}",
    "newest_badness": lambda badness: f"badness of the newest result {badness:.4g}",
    "runs": lambda runs: f"of {counted(runs, 'result')}",
    "stderr": lambda error: f"standard error {error:.4g}",
    "n": lambda n: f"n {n:,}",
    "delta_serving": _delta,
    "age_days": lambda days: f"{days:.0f} days old",
    "contaminated": lambda contaminated: "contaminated" if contaminated else "not contaminated",
    "suite": lambda suite: f"suite {suite}",
    "suite_version": lambda version: f"version {version} of it",
    "data": lambda ref: f"on {ref}",
}
"""What is said of a field of a result, where a rule asks about it."""


def _erosion(erosion: Mapping[str, Any], fields: Collection[str]) -> str:
    whole = f"erosion is {_assessed(erosion)}"
    if "since_serving" not in fields:
        return whole
    since = erosion["since_serving"]
    return f"{whole}, since what serves {_assessed(since)}" if since else f"{whole}, and no other version serves there"


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


def _version(version: Mapping[str, Any]) -> str:
    return (
        f"its record holds {conjunction(version['parts']) or 'nothing'}, and it is {version['age_days']:.0f} days old"
    )


def _profile(profile: Mapping[str, Any]) -> str:
    if not profile["present"]:
        return "there is no safety profile"
    return f"the safety profile is {profile['age_days']:.0f} days old"


def _review(review: Mapping[str, Any]) -> str:
    return f"{review['go']} said GO and {review['no_go']} NO_GO"


_BY_FIELDS: Final[Mapping[str, Callable[[Any, Collection[str]], str]]] = {"metrics": _metrics, "erosion": _erosion}
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
    "version": _version,
    "profile": _profile,
    "review": _review,
}
