"""The values that a rule used, in words, for those who read why a version is blocked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.prose import conjunction, counted, of_slice, shortened


def explain(expression: Expression, variables: Mapping[str, Any]) -> str:
    """What the variables of an expression were, shortly; empty where there is nothing to tell of them."""
    parts = [_explained(name, variables[name]) for name in sorted(expression.variables) if name in _EXPLANATIONS]
    return "; ".join(part for part in parts if part)


def _explained(name: str, value: Any) -> str:
    try:
        return _EXPLANATIONS[name](value)
    except KeyError:
        return ""  # of some variables only those parts were looked up that the policy mentions


def _metrics(metrics: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    found = [
        f"{name}{of_slice(one['slice'])} is {one['value']:.4g}" for name, results in metrics.items() for one in results
    ]
    return shortened(found)


def _erosion(erosion: Mapping[str, Any]) -> str:
    found = [f"{one['kind']} of {one['metric']}{of_slice(one['slice'])}" for one in erosion["findings"]]
    return f"erosion is {erosion['verdict']}" + (f" ({shortened(found)})" if found else "")


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


_EXPLANATIONS: Final[Mapping[str, Callable[[Any], str]]] = {
    "metrics": _metrics,
    "erosion": _erosion,
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
