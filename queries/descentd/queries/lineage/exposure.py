"""Exposure: which versions learned from a population: yes, no, or unknown, each with the evidence."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.names import text
from descentd.graph.model.reach import ExposureQuery, ExposureVerdict, NearValue, Sequences, Term
from descentd.graph.model.records import Brief
from descentd.queries.lineage.paths import Derivation, name_steps
from descentd.queries.lineage.versions import VersionFilter, matching
from descentd.queries.pages import page, pinned
from descentd.queries.prose import counted
from descentd.queries.registry import Registry, about, moment_of

USUAL = frozenset({ExposureVerdict.TRAINED, ExposureVerdict.UNKNOWN})


@dataclass(frozen=True, slots=True)
class ExposureEvidence:
    """What an answer rests on: a source, and the derivation from it to the version.

    `proven` says whether the shares force all terms to meet in the same rows; None unless TRAINED.
    """

    source: Brief
    proven: bool | None
    via: Derivation


@dataclass(frozen=True, slots=True)
class Answer:
    """One version's answer; `direct` is None unless TRAINED, `ground` None for NOT_TRAINED."""

    record: Brief
    verdict: ExposureVerdict
    direct: bool | None
    ground: ExposureEvidence | None
    cursor: str


@dataclass(frozen=True, slots=True)
class Answers:
    """A page of answers by verdict, direct first, then log."""

    items: Sequence[Answer]
    total: int
    more: bool


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a question is spelt beside what partitions document.

    `near` are documented values that equal a value asked for only once folded (`populations.folded`); `unlisted` are
    the attributes and values that no partition documents.
    """

    near: Sequence[NearValue]
    unlisted: Sequence[tuple[str, str]]

    def sentences(self) -> Iterator[str]:
        """What there is to say of it, a sentence each."""
        for one in self.near:
            documented = f"{one.attribute} = {one.value} is documented ({counted(one.partitions, 'partition')})"
            yield f"{documented}, which is nearly what was asked for: ask for it as well, or correct what documents it."
        for attribute, value in self.unlisted:
            yield f"No partition documents {attribute} = {value}: check its spelling with populationVocabulary."


def population(terms: Sequence[tuple[str, Sequence[str]]]) -> tuple[Term, ...]:
    """The population that is asked about, in normal form; raises InvalidInput where it says nothing."""
    if not terms:
        raise InvalidInput("The population has no terms: ask for at least one attribute.", "population.all")
    wanted: dict[str, frozenset[str]] = {}
    for i, (attribute, values) in enumerate(terms):
        if not values:
            raise InvalidInput("The term has no values: name at least one.", f"population.all[{i}].values")
        with about(f"population.all[{i}].attribute"):
            name = text(attribute, "attribute")
        any_of = frozenset(_value(value, f"population.all[{i}].values[{j}]") for j, value in enumerate(values))
        if name in wanted and wanted[name] != any_of:
            raise InvalidInput(
                f"The attribute {repr(name)} is asked for twice: put its values into one term.", f"population.all[{i}]"
            )
        wanted[name] = any_of
    return tuple(Term(attribute, values) for attribute, values in sorted(wanted.items()))


def _value(given: str, field: str) -> str:
    with about(field):
        return text(given, "value")


class Exposure:
    """A question about a population, over the versions that a filter lets through, at one moment."""

    def __init__(
        self, registry: Registry, terms: Sequence[Term], within: Sequences | None, upto: int, asked: object
    ) -> None:
        self._registry = registry
        self._terms = terms
        self._within = within
        self._asked = asked
        self.upto = upto

    async def counts(self) -> Mapping[ExposureVerdict, int]:
        """How many versions have each of the three answers."""
        found = await self._registry.walk.exposure(ExposureQuery(self._terms, self.upto, within=self._within, first=0))
        return found.counts

    async def spelling(self) -> Spelling:
        """What of the terms is documented in another spelling, and what is documented nowhere."""
        found = await self._registry.walk.exposure(ExposureQuery(self._terms, self.upto, within=self._within, first=0))
        return Spelling(found.near, found.unlisted)

    async def versions(self, verdicts: frozenset[ExposureVerdict], first: int | None, after: str | None) -> Answers:
        """A page of the versions with one of `verdicts`; raises InvalidInput for a page that cannot be."""
        asked = page(first, after, self.upto, ["exposure", self._asked, sorted(verdicts)], 3)
        found = await self._registry.walk.exposure(
            ExposureQuery(
                self._terms,
                asked.upto,
                verdicts=verdicts,
                within=self._within,
                after=(asked.after[0], asked.after[1], asked.after[2]) if asked.after else None,
                first=asked.first,
            )
        )
        sequences = [item.sequence for item in found.items]
        sources = [item.source or item.sequence for item in found.items]
        records, vias = await name_steps(self._registry, sequences + sources, [item.via for item in found.items])
        order = list(ExposureVerdict)
        items = [
            Answer(
                record,
                item.verdict,
                item.direct,
                None if item.source is None else ExposureEvidence(source, item.proven, via),
                asked.cursor(order.index(item.verdict), 0 if item.direct else 1, item.sequence),
            )
            for item, record, source, via in zip(
                found.items, records[: len(sequences)], records[len(sequences) :], vias, strict=True
            )
        ]
        return Answers(items, found.total, found.more)


async def exposure(
    registry: Registry,
    terms: Sequence[Term],
    wanted: VersionFilter | None,
    as_of: str | None,
    cursors: Collection[str] = (),
) -> Exposure:
    """Ask about a population, as of the moment of `cursors` where pages of the answer begin after these.

    Raises NotFound and InvalidInput for the filter's refs, and InvalidInput for what is no cursor.
    """
    upto = pinned(cursors, await registry.sequence(as_of))
    within = await matching(registry, wanted, upto, moment_of(as_of)) if wanted else None
    asked = [(term.attribute, sorted(term.values)) for term in terms], wanted, as_of
    return Exposure(registry, terms, within, upto, asked)
