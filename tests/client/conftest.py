"""What the client's tests share."""

from collections.abc import Iterator

import pytest

from tests.client import answers
from tests.client.registry import Registry, running_registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry behind a real socket that answers what the test tells it to."""
    with running_registry() as running:
        yield running


@pytest.fixture
def full(registry: Registry) -> Registry:
    """A registry that has an answer for every question."""
    registry.on("Entity", {"entity": answers.VERSION})
    registry.on("Impact", {"impact": answers.IMPACT})
    registry.on("TrainedOn", {"trainedOn": answers.EXPOSURE})
    registry.on("PopulationVocabulary", {"populationVocabulary": answers.VOCABULARY})
    registry.on("Lineage", {"lineage": answers.LINEAGE})
    registry.on("Paths", {"paths": answers.PATHS})
    registry.on("History", {"history": answers.HISTORY})
    registry.on("Search", {"search": answers.SEARCH})
    registry.on("Register", {"register": answers.REGISTERED})
    return registry
