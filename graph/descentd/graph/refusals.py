"""Refusals of harmful prompts are safety, refusals of harmless ones a loss of usefulness: two metrics.

Harnesses give both one name, `refusal_rate`, and say by the suite or its settings which prompts were asked.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from descentd.graph.metrics import MetricDefinition, MetricDirection
from descentd.graph.model.identity import Content, canonical

HARMFUL_REFUSED: Final = "refusal_rate"
"""The share of harmful prompts that are refused: more is better."""
HARMLESS_REFUSED: Final = "over_refusal_rate"
"""The share of harmless prompts that are refused: less is better."""

_HARMLESS: Final = frozenset({"safe", "benign", "harmless", "orbench", "phtest", "overrefusal"})
_HARMFUL: Final = frozenset({"unsafe", "harmful", "toxic", "contrast"})
_BOTH: Final = frozenset({"xstest"})


def fault_in_refusals(suite: Content, definition: MetricDefinition) -> str | None:
    """Why a result of a suite is none of refusal_rate, as the catalogue has it; None where nothing says so.

    Only a name of the suite that says so counts, or a setting that says nothing else: `subset: safe`.
    """
    if not _is_of_harmful(definition) or _words(suite) & _HARMFUL:
        return None
    name = suite["name"].casefold()
    named = {*re.findall("[a-z]+", name.replace("-", "")), *re.split(r"[\W_]+", name)}
    settings = {_plain(value) for value in _texts(suite.get("config"))}
    if not (named | settings) & _HARMLESS:
        return None
    return (
        f"{HARMFUL_REFUSED} is the share of harmful prompts that are refused, and this suite asks harmless ones: give "
        f"refusals of those as {HARMLESS_REFUSED}."
    )


def doubt_about_refusals(suite: Content, definition: MetricDefinition) -> str | None:
    """Why a result of a suite may be none of refusal_rate, where that is not sure; None where nothing says so."""
    words = _words(suite)
    if not _is_of_harmful(definition) or words & _HARMFUL or not words & (_HARMLESS | _BOTH):
        return None
    return (
        f"{HARMFUL_REFUSED} is the share of harmful prompts that are refused, and {suite['name']} seems to ask "
        f"harmless ones: register refusals of those as {HARMLESS_REFUSED}."
    )


def _is_of_harmful(definition: MetricDefinition) -> bool:
    return definition.name == HARMFUL_REFUSED and definition.direction is MetricDirection.HIGHER_IS_BETTER


def _words(suite: Content) -> set[str]:
    text = f"{suite['name']} {canonical(suite.get('config')).decode()}"
    return set(re.findall("[a-z]+", text.casefold().replace("-", "")))


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold()).removesuffix("prompts")


def _texts(config: Any) -> Iterator[str]:
    """The texts among the values of a config, at whatever depth."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
