"""What a rule saw, in words: for those who read why a version is not let in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.prose import of_slice, shortened


def explain(expression: Expression, variables: Mapping[str, Any]) -> str:
    """What the variables of an expression were, shortly; empty where there is nothing to tell of them."""
    parts = [_EXPLANATIONS[name](variables[name]) for name in sorted(expression.variables) if name in _EXPLANATIONS]
    return "; ".join(part for part in parts if part)


def _metrics(metrics: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    found = [
        f"{name}{of_slice(one['slice'])} is {one['value']:.4g}" for name, results in metrics.items() for one in results
    ]
    return shortened(found)


def _erosion(erosion: Mapping[str, Any]) -> str:
    found = [f"{one['kind']} of {one['metric']}{of_slice(one['slice'])}" for one in erosion["findings"]]
    return f"erosion is {erosion['verdict']}" + (f" ({shortened(found)})" if found else "")


def _probes(probes: Mapping[str, int]) -> str:
    return f"{probes['not_run']} probes not run, {probes['reproduced']} reproduced"


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


_EXPLANATIONS: Final[Mapping[str, Callable[[Any], str]]] = {
    "metrics": _metrics,
    "erosion": _erosion,
    "probes": _probes,
    "flags": _flags,
    "incidents": _incidents,
    "drift": _drift,
    "ancestry": _ancestry,
}
