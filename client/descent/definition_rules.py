"""The rules for definitions of metrics and for versions without a number, as far as they can be checked offline."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from descent.references import Finding

_IDENTIFYING = ("artifacts", "code", "config")


def definition_findings(content: Mapping[str, Any]) -> list[Finding]:
    """Return a finding for each definition of a metric that cannot hold, and each version that needs a number."""
    found = [
        Finding(("metrics", i, field), "INVALID_INPUT", message)
        for i, definition in enumerate(content.get("metrics", ()))
        for field, message in (*_optimum(definition), *_bounds(definition), *_composition(definition))
    ]
    found += _defined_twice(content.get("metrics", ()))
    found += [
        Finding(
            ("models", i),
            "INVALID_INPUT",
            "Without artifacts, code and config nothing tells whether this version is new: give its version.",
        )
        for i, model in enumerate(content.get("models", ()))
        if "version" not in model and not any(model.get(part) for part in _IDENTIFYING)
    ]
    return found


def _optimum(definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    optimum, direction = definition.get("optimum"), definition.get("direction")
    if direction == "TARGET" and optimum is None:
        yield "optimum", "A metric with direction target needs the value that is best: give its optimum."
    if optimum is None:
        return
    least, most = definition.get("minimum"), definition.get("maximum")
    if direction != "TARGET":
        yield "optimum", f"Only a metric with direction target has an optimum, not {str(direction).lower()}: remove it."
    elif definition.get("isRate") and not 0 <= optimum <= 1:
        yield "optimum", f"A rate lies from 0 to 1, so that {optimum:g} cannot be its optimum."
    elif (least is not None and optimum < least) or (most is not None and optimum > most):
        yield "optimum", f"The optimum {optimum:g} is outside minimum and maximum: correct one of them."
    elif definition.get("scale") == "LOG" and optimum <= 0:
        yield "optimum", f"A ratio (scale log) is above 0: expected an optimum > 0, got {optimum:g}."


def _bounds(definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    least, most = definition.get("minimum"), definition.get("maximum")
    if least is not None and most is not None and least >= most:
        yield "minimum", f"Expected minimum < maximum, got {least:g} and {most:g}: swap or correct them."
    elif definition.get("isRate") and ((least or 0) < 0 or (most or 1) > 1):
        yield "minimum", "A rate lies from 0 to 1: leave the bounds out, or state narrower ones."


def _composition(definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if ("disparityOf" in definition) != ("disparityOver" in definition):
        yield "disparityOver", "disparity_of and disparity_over belong together: give both or neither."
    if definition.get("worstOf") and "disparityOf" in definition:
        yield "worstOf", "A metric is either worst_of others or disparity_of one: give one of them."
    elif definition.get("worstOf") and definition.get("direction") == "NONE":
        yield "worstOf", "With direction none no value is worse than another: give the direction of the parts."


def _defined_twice(definitions: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    first: dict[Any, Mapping[str, Any]] = {}
    for i, definition in enumerate(definitions):
        other = first.setdefault(definition.get("name"), definition)
        if other != definition:
            message = f"{definition.get('name')} is defined twice in this manifest, and not alike: keep one."
            yield Finding(("metrics", i), "VERSION_CONFLICT", message)
