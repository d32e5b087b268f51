"""Refusals of harmful prompts and of harmless ones are two metrics, as the registry tells them apart."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

HARMFUL_REFUSED: Final = "refusal_rate"
_HARMLESS: Final = frozenset({"safe", "benign", "harmless", "orbench", "phtest", "overrefusal"})
_HARMFUL: Final = frozenset({"unsafe", "harmful", "toxic", "contrast"})


def fault_in_refusals() -> str:
    """What to do about a refusal_rate of harmless prompts."""
    return (
        "refusal_rate is the share of harmful prompts that are refused, and this suite asks harmless ones: give "
        "refusals of those as over_refusal_rate."
    )


def asks_harmless(suite: dict[str, Any]) -> bool:
    """Whether a suite says, by its name or by a setting that says nothing else, that it asks harmless prompts."""
    name = str(suite.get("name", ""))
    joined = name.casefold().replace("-", "")
    settings = json.dumps(suite.get("config"), ensure_ascii=False).casefold().replace("-", "")
    if _HARMFUL & set(re.findall("[a-z]+", f"{joined} {settings}")):
        return False
    named = {*re.findall("[a-z]+", joined), *re.split(r"[\W_]+", name.casefold())}
    return bool((named | {_plain(text) for text in _texts(suite.get("config"))}) & _HARMLESS)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold()).removesuffix("prompts")


def _texts(config: Any) -> Iterator[str]:
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
