"""Inputs of datasets, their partitions and their populations."""

from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from descentd.graph.inputs.base import (
    Count,
    Description,
    Digest,
    Input,
    Name,
    Number,
    Prose,
    Ref,
    Value,
    as_set,
    checked,
    distinct,
    unique,
    wire_content,
)
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content, canonical
from descentd.graph.model.reach import Documented


class Relation(StrEnum):
    """How a record was derived from another."""

    FINE_TUNE = "FINE_TUNE"
    CONTINUE_PRETRAIN = "CONTINUE_PRETRAIN"
    DISTILL = "DISTILL"
    MERGE = "MERGE"
    QUANTIZE = "QUANTIZE"
    ADAPTER = "ADAPTER"
    PRUNE = "PRUNE"
    EDIT = "EDIT"
    FILTER = "FILTER"
    AUGMENT = "AUGMENT"
    SAMPLE = "SAMPLE"
    ANNOTATE = "ANNOTATE"
    OTHER = "OTHER"


class DerivationInput(Input):
    """A record that another was derived from, and how."""

    ref: Ref
    """The record that it was derived from."""

    relation: Relation
    """How."""


class PopulationShareInput(Input):
    """A value and its share of the rows; 0 documents that it is absent, no share that it is present."""

    attribute: Value
    """The attribute, for example `age_group`."""

    value: Value
    """The value, for example `65+`."""

    share: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Share of the rows, from 0 (documented as absent) to 1; without it the value is present in an unknown share."""


def _shares(given: Iterable[PopulationShareInput]) -> tuple[PopulationShareInput, ...]:
    items = tuple(given)
    unique(items)
    keys = [canonical([share.attribute, share.value]) for share in items]
    places = sorted(range(len(items)), key=lambda place: (keys[place], place))
    for one, other in pairwise(places):
        if keys[one] == keys[other]:
            share = items[other]
            what = f"{repr(share.attribute)} {repr(share.value)}"
            raise InvalidInput(f"{what} is given twice, here and as element {one}: give its share once.", f"[{other}]")
    return as_set(items, places)


Shares = Annotated[tuple[PopulationShareInput, ...], checked(_shares)]


def _documented(level: Documented | None, shares: tuple[PopulationShareInput, ...]) -> Documented:
    if level is Documented.NONE and shares:
        raise ValueError("populationDocumented NONE says that nothing is listed: drop it or the population.")
    return level or (Documented.PARTIAL if shares else Documented.NONE)


class PartitionInput(Input):
    """A part of a dataset with a digest of its own."""

    name: Name
    """Its name within the dataset."""

    digest: Digest
    """The digest of its content: partitions with one digest are the same data."""

    rows: Count | None = None
    """The number of rows."""

    uri: Value | None = None
    """The address at which the data is stored."""

    population_documented: Documented | None = None
    """Whether `population` is complete for its attributes; by default PARTIAL with a list and NONE without one."""

    population: Shares | None = None
    """The values of its population."""

    derived_from: tuple[DerivationInput, ...] | None = None
    """The data that it was made from."""

    generated_by: tuple[Ref, ...] | None = None
    """The versions that made it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _documented(self.population_documented, self.population or ())
        return self

    def statement(self) -> Content | None:
        """The population statement that comes with the partition; None where nothing is stated."""
        documented = _documented(self.population_documented, self.population or ())
        if documented is Documented.NONE:
            return None
        return {"populationDocumented": documented.value, "population": wire_content(self.population or ())}


class PopulationStatementInput(Input):
    """A statement about the population of a registered partition."""

    subject: Ref
    """The partition."""

    population_documented: Documented
    """Whether `population` is complete for the attributes that it lists."""

    population: Shares
    """The values of its population; they replace earlier statements."""

    reason: Prose
    """Why this is stated now."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _documented(self.population_documented, self.population)
        return self


class DatasetInput(Input):
    """A version of a dataset and all its partitions."""

    name: Name
    """Its name."""

    version: Name
    """The version of its content."""

    license: Value | None = None
    """The licence, as an SPDX identifier if there is one."""

    uri: Value | None = None
    """The address at which the data is stored."""

    description: Description = None
    """A description."""

    partitions: Annotated[tuple[PartitionInput, ...], checked(distinct("name"))] | None = None
    """All its partitions; none can be added later."""

    derived_from: tuple[DerivationInput, ...] | None = None
    """The data that it was made from."""

    generated_by: tuple[Ref, ...] | None = None
    """The versions that made it."""
