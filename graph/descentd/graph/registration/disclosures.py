"""The records of a manifest's disclosures: lineage that became known after its subject was registered."""

from collections.abc import Sequence
from typing import Final

from descentd.graph.inputs.datasets import DerivationInput
from descentd.graph.inputs.versions import DisclosureInput
from descentd.graph.model.errors import InvalidInput, UnknownReference
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import DATA, VERSION, Kind, Role
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.builder import RecordBuilder, as_set
from descentd.graph.store.base import Reads

_SUBJECTS: Final = DATA | VERSION
_DISCLOSURE: Final = frozenset({Kind.DISCLOSURE})


class Disclosures:
    """Builds the disclosures of one manifest, once its entities are built."""

    def __init__(self, reads: Reads, builder: RecordBuilder) -> None:
        self._reads = reads
        self._builder = builder

    async def build(self, disclosures: Sequence[DisclosureInput]) -> None:
        """Build them all; what is wrong is added to the builder's problems."""
        for i, disclosure in enumerate(disclosures):
            field = f"disclosures[{i}]"
            with self._builder.problem_at(field):
                subject = self._builder.resolve(disclosure.subject, f"{field}.subject", _SUBJECTS)
                content = self._content(field, disclosure, subject)
                content["partitions"] = await self._partitions(subject)
                record = Record.of(Kind.DISCLOSURE, content)
                if disclosure.supersedes is not None:
                    await self._check_superseded(f"{field}.supersedes", record, disclosure.supersedes, subject.id)
                self._builder.add(field, record)

    def _content(self, field: str, disclosure: DisclosureInput, subject: Brief | Record) -> Content:
        _check_parts(field, disclosure, subject)
        kinds = VERSION if subject.kind is Kind.MODEL_VERSION else DATA
        trained_on = [
            {"node": self._builder.resolve(one.ref, f"{field}.trainedOn[{i}].ref", DATA).id, "role": one.role.value}
            for i, one in enumerate(disclosure.trained_on or ())
        ]
        return disclosure.content() | {
            "subject": subject.id,
            "parents": self._parents(f"{field}.parents", disclosure.parents or (), kinds),
            "trainedOn": as_set(trained_on),
            "generatedBy": as_set(
                self._builder.resolve(maker, f"{field}.generatedBy[{i}]", VERSION).id
                for i, maker in enumerate(disclosure.generated_by or ())
            ),
        }

    def _parents(self, field: str, parents: Sequence[DerivationInput], kinds: frozenset[Kind]) -> list[Content]:
        return [
            {"node": self._builder.resolve(one.ref, f"{field}[{i}].ref", kinds).id, "relation": one.relation.value}
            for i, one in enumerate(parents)
        ]

    async def _partitions(self, subject: Brief | Record) -> list[str]:
        """The ids of a dataset's partitions: what is disclosed of a dataset holds for each of them."""
        if subject.kind is not Kind.DATASET:
            return []
        if isinstance(subject, Brief):
            subject = (await self._reads.entries([subject.sequence]))[0].record
        return sorted(subject.content.get("partitions", ()))

    async def _check_superseded(self, field: str, record: Record, id: str, subject: str) -> None:
        """Raise where what is superseded is no current disclosure of the same subject."""
        found = self._builder.resolve(id, field, _DISCLOSURE)
        if not isinstance(found, Brief):
            raise UnknownReference(f"{id} is not registered: give the id of a registered disclosure.", field)
        content = (await self._reads.entries([found.sequence]))[0].record.content
        if content["subject"] != subject:
            raise InvalidInput(f"{id} is a disclosure about another subject: supersede one about this subject.", field)
        links = await self._reads.links([found.sequence], {Role.SUPERSEDES}, inward=True)
        newer = [brief.id for brief in await self._reads.briefs([link.source for link in links])]
        if newer and record.id not in newer:
            raise InvalidInput(f"{id} is superseded already, by {newer[-1]}: supersede that one.", field)


def _check_parts(field: str, disclosure: DisclosureInput, subject: Brief | Record) -> None:
    """Raise InvalidInput where a disclosure adds nothing, or what its kind of subject cannot have."""
    if not (disclosure.parents or disclosure.trained_on or disclosure.generated_by):
        raise InvalidInput("A disclosure adds lineage: give parents, trainedOn or generatedBy.", field)
    if subject.kind is Kind.MODEL_VERSION and disclosure.generated_by:
        raise InvalidInput("Only data is generatedBy a version: give a version's parents.", f"{field}.generatedBy")
    if subject.kind is not Kind.MODEL_VERSION and disclosure.trained_on:
        raise InvalidInput("Only a version is trainedOn data: give a dataset's parents.", f"{field}.trainedOn")
