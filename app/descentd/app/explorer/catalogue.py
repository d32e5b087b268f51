"""All pages, and those that the menu leads to."""

from collections.abc import Sequence
from typing import Final

from descentd.app.explorer.page import Page
from descentd.app.explorer.pages import (
    diff,
    drift,
    erosions,
    gate,
    graphql,
    home,
    impact,
    incidents,
    lineage,
    policies,
    population,
    record,
    reviews,
    search,
    serving,
    trend,
)

PAGES: Final[Sequence[Page]] = (
    home.PAGE,
    search.PAGE,
    search.GO,
    record.PAGE,
    lineage.PAGE,
    gate.PAGE,
    reviews.PAGE,
    serving.PAGE,
    incidents.PAGE,
    erosions.PAGE,
    drift.PAGE,
    policies.PAGE,
    population.PAGE,
    impact.PAGE,
    diff.PAGE,
    trend.PAGE,
    graphql.PAGE,
)

MENU: Final[Sequence[str]] = ("serving", "erosions", "population", "incidents", "reviews", "drift", "policies")
"""The views that every page leads to, in order; `menu.VIEW` in the catalogue of texts is what they are called."""
