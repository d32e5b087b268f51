"""The catalogue of metrics, which every registry knows: `metrics.json` is a copy of the server's, by name."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any


@cache
def catalogue() -> Mapping[str, Mapping[str, Any]]:
    """Return the definition of each metric of the catalogue, in the shape of MetricDefinitionInput, by its name.

    `aliasOf` names the metric that it is another name of, and `source` where the definition is from.
    """
    found: dict[str, dict[str, Any]] = json.loads(
        resources.files("descent").joinpath("metrics.json").read_text("utf-8")
    )
    return found
