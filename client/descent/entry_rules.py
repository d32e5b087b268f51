"""The rules of entry that a manifest can be checked by offline: `descent check` reports what breaks them.

They hold for new records only. Registering the same content again is allowed even if it breaks a rule, so `descent
register` leaves these rules to the registry.
"""

import difflib
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from descent.catalogue import catalogue
from descent.names import fault_in_new_name, fault_in_order, fault_in_person
from descent.nodes import Path
from descent.references import Finding
from descent.refusals import HARMFUL_REFUSED, asks_harmless, fault_in_refusals

Range = tuple[float, float]
Definitions = Mapping[str, Mapping[str, Any]]

_AHEAD: Final = timedelta(seconds=300)
"""How far ahead of the registry's clock a result may be."""
_MICROSECONDS: Final = re.compile(r"(\.\d{6})\d+")
_MEANING: Final = {"direction": None, "optimum": None, "tolerance": 0, "unit": "1", "scale": "LINEAR", "isRate": False}
"""What a definition says about values, with what it says where it is silent."""


def entry_findings(content: dict[str, Any]) -> list[Finding]:
    """Yield a finding for each rule of entry that a manifest (in the shape of GraphQL) breaks, in its order."""
    own = {m["name"]: _with_catalogue_range(m) for m in content.get("metrics", ()) if "name" in m}
    return [Finding(path, "INVALID_INPUT", message) for path, message in _faults(content, {**catalogue(), **own})]


def unknown_metrics(content: dict[str, Any], registered: Collection[str]) -> list[Finding]:
    """Return a finding for each metric that neither the catalogue nor a manifest defines, nor `registered` names.

    Only a registry knows whether it defines such a metric; a manifest may define it again, which adds nothing.
    """
    own = {definition["name"] for definition in content.get("metrics", ()) if "name" in definition}
    known = own | catalogue().keys() | set(registered)
    found = []
    for path, name in _metrics_named(content):
        if name not in known:
            near = _nearest(name, known)
            hint = f"write {near}, or define it" if near else "define it"
            message = f"{name} is neither in the catalogue nor defined in this manifest: {hint} under metrics."
            found.append(Finding(path, "UNKNOWN_METRIC", message))
    return found


def _nearest(name: str, known: Collection[str]) -> str | None:
    """Return the name that was likely meant; a key of a harness (`acc,none`) has one in it."""
    spelled = {_plain(one): one for one in known}
    exact = _plain(name.partition(",")[0])
    near = [exact] if exact in spelled else difflib.get_close_matches(_plain(name), sorted(spelled), n=1)
    return spelled[near[0]] if near else None


def _plain(name: str) -> str:
    return name.strip().casefold().replace("-", "_").replace(" ", "_")


def _metrics_named(content: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield each place where a manifest names a metric that has to be defined."""
    for path, holder in _holders(content):
        section = path[-2] if len(path) > 1 else None
        if section == "metrics" and "value" in holder and "name" in holder:
            yield (*path, "name"), holder["name"]
        if section == "metrics" and path[0] == "metrics":
            yield from (((*path, "worstOf", i), name) for i, name in enumerate(holder.get("worstOf", ())))
            if "disparityOf" in holder:
                yield (*path, "disparityOf"), holder["disparityOf"]
        elif "metric" in holder:
            yield (*path, "metric"), holder["metric"]


def missing_profiles(content: dict[str, Any]) -> list[Finding]:
    """Return a finding for each model version of a manifest that it gives no safety profile."""
    described = {statement.get("subject") for statement in content.get("safetyProfiles", ())}
    found = []
    for i, model in enumerate(content.get("models", ())):
        name = f"model:{model.get('name')}"
        label = f"{name}@{model['version']}" if "version" in model else name
        if "safetyProfile" not in model and not {name, label} & described:
            message = (
                f"{label} has no safety profile, and no gate lets such a version pass: add safety_profile, with "
                "intended_use and must_not_do."
            )
            found.append(Finding(("models", i), "MISSING_PROFILE", message))
    return found


def _faults(content: dict[str, Any], definitions: Definitions) -> Iterator[tuple[Path, str]]:
    now = datetime.now(UTC)
    for path, holder in _holders(content):
        yield from _names(path, holder)
        yield from _parents(path, holder)
        yield from _trimmed(path, holder)
        yield from _in_range(path, holder, definitions)
        yield from _counted(path, holder, definitions)
        yield from _once(path, holder, definitions)
        yield from _past(path, holder, now)
        yield from _evaluator(path, holder)
        yield from _shares(path, holder)
        yield from _in_order(path, holder)
        if HARMFUL_REFUSED not in {definition.get("name") for definition in content.get("metrics", ())}:
            yield from _refusals(path, holder)


def _holders(content: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every object of a manifest with its path, except those inside a config, which are data."""
    waiting: list[tuple[Path, Any]] = [((), content)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            yield path, value
            parts = [((*path, key), part) for key, part in value.items() if key != "config"]
        else:
            parts = [((*path, i), part) for i, part in enumerate(value)]
        waiting += [part for part in reversed(parts) if isinstance(part[1], dict | list)]


def _names(path: Path, holder: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    section = next((step for step in reversed(path) if isinstance(step, str)), "")
    if section in ("models", "datasets", "partitions", "metrics", "suite"):
        for name in ("name", "version"):
            if name in holder and (fault := fault_in_new_name(holder[name])):
                yield (*path, name), f'"{holder[name]}" {fault}.'


def _in_order(path: Path, holder: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for name, value in holder.items():
        if isinstance(value, str) and name != "config" and (fault := fault_in_order(value)):
            yield (*path, name), f"The text {fault}."
        for i, text in enumerate(value if isinstance(value, list) and name != "config" else ()):
            if isinstance(text, str) and (fault := fault_in_order(text)):
                yield (*path, name, i), f"The text {fault}."


def _parents(path: Path, holder: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for name in ("parents", "derivedFrom"):
        refs = [parent.get("ref") for parent in holder.get(name, ())]
        for i, ref in enumerate(refs):
            if ref is not None and ref in refs[:i]:
                yield (*path, name, i, "ref"), f"{ref} is given twice: give each parent once, with its relation."


def _trimmed(path: Path, holder: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if "attribute" in holder:
        for name in ("attribute", "value"):
            text = holder.get(name) or ""
            if text != text.strip():
                yield (*path, name), f"The {name} {text!r} begins or ends with a space: trim it."


def _in_range(path: Path, holder: dict[str, Any], definitions: Definitions) -> Iterator[tuple[Path, str]]:
    if path[-2:-1] == ("metrics",) and "value" in holder:
        metric = holder.get("name", "")
        if holder.get("n") == 0:
            yield (
                (*path, "n"),
                ("A result over 0 items measured nothing: leave the metric out, or give the number of items."),
            )
    else:
        metric = holder.get("metric", "")
    if metric in definitions:
        for name in ("value", "threshold", "atLeast", "atMost"):
            if name in holder and (fault := _outside(_range(definitions[metric]), holder[name])):
                yield (*path, name), f"{metric} {fault}"
        if "value" in holder and (fault := _error(metric, _range(definitions[metric]), holder.get("stderr") or 0)):
            yield (*path, "stderr"), fault


def _error(metric: str, within: Range, stderr: float) -> str | None:
    """Return why a standard error cannot be one; what lies in a range deviates by at most half of it."""
    least, most = within
    largest = (most - least) / 2
    if stderr <= largest:
        return None
    advice = "check it"
    if most <= 1 and stderr / 100 <= largest:
        advice = f"send it as a fraction, {stderr / 100:g} for {stderr:g} percentage points"
    return (
        f"The standard error of {metric} is at most {largest:g}, half of its range, but {stderr:g} was given: {advice}."
    )


def _once(path: Path, holder: dict[str, Any], definitions: Definitions) -> Iterator[tuple[Path, str]]:
    """No metric is given twice for one slice, under two names or in two cases."""
    metrics = holder.get("metrics", ()) if "suite" in holder and "subject" in holder else ()
    first: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, Any]] = {}
    for i, metric in enumerate(metrics):
        given = metric.get("name", "")
        name = definitions.get(given, {}).get("aliasOf") or given
        parts = [(str(part.get("attribute", "")), str(part.get("value", ""))) for part in metric.get("slice", ())]
        slice = tuple(sorted((attribute.casefold(), value.casefold()) for attribute, value in parts))
        earlier = first.setdefault((name.casefold(), slice), metric)
        if earlier is not metric and (earlier.get("name"), earlier.get("slice")) != (given, metric.get("slice")):
            also = "in another case" if earlier.get("name") == given else f"as {earlier.get('name')} too"
            yield (*path, "metrics", i, "name"), f"{given} is given twice for one slice, {also}: give it once."


def _counted(path: Path, holder: dict[str, Any], definitions: Definitions) -> Iterator[tuple[Path, str]]:
    """Counts of right and wrong items are given of rates only."""
    metric = holder.get("name", "")
    if metric in definitions and not definitions[metric].get("isRate"):
        for i, pair in enumerate(holder.get("pairedWith", ())):
            if "n01" in pair:
                yield (
                    (*path, "pairedWith", i, "n01"),
                    f"n01 and n10 count right and wrong items, and {metric} is not a rate: give difference_variance.",
                )


def _outside(within: Range, value: float) -> str | None:
    least, most = within
    if least <= value <= most:
        return None
    bounds = f"from {least:g} to {most:g}"
    if math.isinf(most) or math.isinf(least):
        bounds = f"{least:g} or more" if math.isinf(most) else f"{most:g} or less"
    advice = "check the value, or define a metric with a range of its own"
    if most <= 1 < abs(value) <= 100 and least <= value / 100:
        # A percentage just above 1 is less likely than a value that is wrong: that is looked at first.
        sure = abs(value) > 2
        advice = f"send it as a fraction, {value / 100:g} for {value:g} %"
        advice = advice if sure else f"check the value; if it is a percentage, {advice}"
    return f"is {bounds}, but {value:g} was given: {advice}."


def _past(path: Path, holder: dict[str, Any], now: datetime) -> Iterator[tuple[Path, str]]:
    """No result is of the future: as one that is newer than all others it would count for ever."""
    given = holder.get("evaluatedAt")
    if given is not None and datetime.fromisoformat(_MICROSECONDS.sub(r"\1", given.upper())) - now > _AHEAD:
        message = (
            f"{given} is more than {_AHEAD.seconds} seconds ahead of this machine's clock: give the moment of the "
            "evaluation, in UTC or with its offset."
        )
        yield (*path, "evaluatedAt"), message


def _evaluator(path: Path, holder: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if "evaluator" in holder and (fault := fault_in_person(holder["evaluator"])):
        yield (*path, "evaluator"), f"The evaluator {holder['evaluator']!r} {fault}."


def _shares(path: Path, holder: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    shares: Sequence[dict[str, Any]] = holder.get("population", ())
    if holder.get("populationDocumented") == "COMPLETE" and shares and all(s.get("share") == 0 for s in shares):
        yield (
            (*path, "population"),
            "A complete list in which all shares are 0 says that nobody is in the data: list who is, or say partial.",
        )


def _refusals(path: Path, holder: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Refusals of harmless prompts are given as what they are."""
    suite, metrics = holder.get("suite"), holder.get("metrics")
    if not isinstance(suite, dict) or not asks_harmless(suite):
        return
    places: list[tuple[Path, Any]] = [(("metrics", i, "name"), m.get("name")) for i, m in enumerate(metrics or ())]
    places += [(("metric",), holder.get("metric"))]
    for place, name in places:
        if name == HARMFUL_REFUSED:
            yield (*path, *place), fault_in_refusals()


def _with_catalogue_range(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """A definition without bounds has those of the catalogue's metric of its name, if it says the same about values."""
    builtin = catalogue().get(definition["name"])
    if builtin is None or "minimum" in definition or "maximum" in definition:
        return definition
    if any(definition.get(part, default) != builtin.get(part, default) for part, default in _MEANING.items()):
        return definition
    return {**{bound: builtin[bound] for bound in ("minimum", "maximum") if bound in builtin}, **definition}


def _range(definition: Mapping[str, Any]) -> Range:
    rate = definition.get("isRate")
    least = 0.0 if rate or definition.get("scale") == "LOG" else -math.inf
    return definition.get("minimum", least), definition.get("maximum", 1.0 if rate else math.inf)
