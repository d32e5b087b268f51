"""The records of a manifest's statements: an equal one adds nothing, a new one supersedes."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from descentd.graph.inputs.datasets import PartitionInput
from descentd.graph.inputs.evaluations import EvaluationInput, MetricValueInput, ProbeInput, VulnerabilityInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.inputs.versions import ModelVersionInput, SafetyProfileInput, SignatureInput, TensorDigestsInput
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import DATA, VERSION, Kind, Role
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.builder import RecordBuilder
from descentd.graph.registration.manifest_index import ManifestIndex
from descentd.graph.registration.metric_scope import MetricScope
from descentd.graph.retractions import NEWEST, retracted_ids
from descentd.graph.store.base import Reads

_PARTITION: Final = frozenset({Kind.PARTITION})
_ANYTHING: Final = frozenset(Kind)
_EVIDENCE: Final = frozenset({Role.EVALUATES, Role.AFFECTS, Role.ABOUT})
"""What is ABOUT a version is evidence only where it is a disclosure."""


@dataclass(frozen=True, slots=True)
class Description:
    """A safety profile or population of `subject` as given: `embedded` in its definition or sent by itself."""

    field: str
    kind: Kind
    subject: Brief | Record
    content: Content
    embedded: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """The descriptions of one subject that are on record, oldest first.

    `outdated`: the last one is recorded anew when it is given again, since evidence came after it, or it was retracted.
    """

    records: list[Record]
    outdated: bool


class Statements:
    """Builds the statements of one manifest, once its entities are built."""

    def __init__(self, reads: Reads, scope: MetricScope, index: ManifestIndex, builder: RecordBuilder) -> None:
        self._reads = reads
        self._scope = scope
        self._index = index
        self._builder = builder

    async def build(self, manifest: ManifestInput) -> None:
        """Build them all; what is wrong is added to the builder's problems."""
        descriptions = [*self._embedded(), *self._profiles(manifest), *self._populations(manifest)]
        recorded = await self._recorded(descriptions)
        for description in descriptions:
            with self._builder.problem_at(description.field):
                self._describe(description, recorded[description.kind, description.subject.id])
        for i, evaluation in enumerate(manifest.evaluations or ()):
            with self._builder.problem_at(f"evaluations[{i}]"):
                self._evaluation(f"evaluations[{i}]", evaluation)
        for i, vulnerability in enumerate(manifest.vulnerabilities or ()):
            with self._builder.problem_at(f"vulnerabilities[{i}]"):
                self._vulnerability(f"vulnerabilities[{i}]", vulnerability)
        for i, note in enumerate(manifest.notes or ()):
            with self._builder.problem_at(f"notes[{i}]"):
                subject = self._builder.resolve(note.subject, f"notes[{i}].subject", _ANYTHING)
                self._builder.add(f"notes[{i}]", Record.of(Kind.NOTE, note.content() | {"subject": subject.id}))

    def _embedded(self) -> Iterator[Description]:
        for item in self._index.all:
            subject = self._builder.entities.get(item.name)
            if subject is None:
                continue
            match item.definition:
                case PartitionInput() as partition:
                    content = partition.statement()
                    if content:
                        yield Description(item.field, Kind.POPULATION, subject, content, embedded=True)
                case ModelVersionInput(safety_profile=SafetyProfileInput() as profile):
                    field = f"{item.field}.safetyProfile"
                    self._check_claims(field, profile)
                    yield Description(field, Kind.SAFETY_PROFILE, subject, profile.content(), embedded=True)

    def _profiles(self, manifest: ManifestInput) -> Iterator[Description]:
        for i, statement in enumerate(manifest.safety_profiles or ()):
            field = f"safetyProfiles[{i}]"
            with self._builder.problem_at(field):
                subject = self._builder.resolve(statement.subject, f"{field}.subject", VERSION)
                self._check_claims(f"{field}.profile", statement.profile)
                content = statement.profile.content() | ({"reason": statement.reason} if statement.reason else {})
                yield Description(f"{field}.profile", Kind.SAFETY_PROFILE, subject, content, embedded=False)

    def _populations(self, manifest: ManifestInput) -> Iterator[Description]:
        for i, statement in enumerate(manifest.populations or ()):
            field = f"populations[{i}]"
            with self._builder.problem_at(field):
                subject = self._builder.resolve(statement.subject, f"{field}.subject", _PARTITION)
                content = statement.content()
                del content["subject"]
                yield Description(field, Kind.POPULATION, subject, content, embedded=False)

    def _describe(self, description: Description, recorded: Recorded) -> None:
        plain = [_without_history(record.content) for record in recorded.records]
        if description.embedded:
            given = [{k: v for k, v in content.items() if k != "reason"} for content in plain]
            if description.content in given:
                self._builder.add(description.field, recorded.records[given.index(description.content)])
                return
        elif plain and plain[-1] == description.content and not recorded.outdated:
            self._builder.add(description.field, recorded.records[-1])
            return
        content = description.content | {"subject": description.subject.id}
        if recorded.records:
            content["supersedes"] = recorded.records[-1].id
        recorded.records.append(self._builder.add(description.field, Record.of(description.kind, content)))

    async def _recorded(self, descriptions: Sequence[Description]) -> defaultdict[tuple[Kind, str], Recorded]:
        """What the registry holds about the subjects of descriptions, by kind and subject."""
        found: defaultdict[tuple[Kind, str], Recorded] = defaultdict(lambda: Recorded([], outdated=False))
        subjects = await self._reads.resolve({description.subject.id for description in descriptions})
        if not subjects:
            return found
        ids = {brief.sequence: brief.id for brief in subjects.values()}
        links = await self._reads.links(list(ids), _EVIDENCE | {Role.DESCRIBES}, inward=True)
        about = {link.source: ids[link.target] for link in links}
        measuring = {link.source for link in links if link.role is not Role.ABOUT}
        newest: defaultdict[str, int] = defaultdict(int)
        described: defaultdict[tuple[Kind, str], int] = defaultdict(int)
        for entry in await self._reads.entries(sorted(about)):
            key = entry.record.kind, about[entry.sequence]
            if entry.record.kind in (Kind.SAFETY_PROFILE, Kind.POPULATION):
                found[key].records.append(entry.record)
                described[key] = entry.transaction
            elif entry.record.kind is Kind.DISCLOSURE or entry.sequence in measuring:
                newest[about[entry.sequence]] = entry.transaction
        newest_ids = [found[key].records[-1].id for key in described]
        retracted = await retracted_ids(self._reads, newest_ids, NEWEST)
        for key, transaction in described.items():
            if newest[key[1]] > transaction or found[key].records[-1].id in retracted:
                found[key] = Recorded(found[key].records, outdated=True)
        return found

    def _evaluation(self, field: str, evaluation: EvaluationInput) -> None:
        content = evaluation.content()
        with self._builder.problem_at(f"{field}.subject"):
            content["subject"] = self._builder.resolve(evaluation.subject, f"{field}.subject", VERSION).id
        if evaluation.data is not None:
            with self._builder.problem_at(f"{field}.data"):
                content["data"] = self._builder.resolve(evaluation.data, f"{field}.data", DATA).id
        for i, metric in enumerate(evaluation.metrics):
            with self._builder.problem_at(f"{field}.metrics[{i}].name"):
                self._scope.find(metric.name)
            if metric.paired_with:
                content["metrics"][i]["pairedWith"] = self._pairs(f"{field}.metrics[{i}].pairedWith", metric, content)
        self._builder.add(field, Record.of(Kind.EVALUATION, content))

    def _pairs(self, field: str, metric: MetricValueInput, evaluation: Content) -> list[Content]:
        """The pairs of a result with their subjects' ids, each an other version than the one that was evaluated."""
        found: list[Content] = []
        for i, pair in enumerate(metric.paired_with or ()):
            with self._builder.problem_at(f"{field}[{i}].subject"):
                subject = self._builder.resolve(pair.subject, f"{field}[{i}].subject", VERSION).id
                if subject == evaluation["subject"]:
                    raise InvalidInput("A result cannot be paired with itself: name the version it is compared with.")
                if any(subject == other["subject"] for other in found):
                    raise InvalidInput("This version is given twice: give one pair for it.")
                found.append(pair.content() | {"subject": subject})
        return found

    def _vulnerability(self, field: str, vulnerability: VulnerabilityInput) -> None:
        content = vulnerability.content()
        with self._builder.problem_at(f"{field}.subject"):
            content["subject"] = self._builder.resolve(vulnerability.subject, f"{field}.subject", _ANYTHING).id
        if vulnerability.probe is not None:
            self._probe(f"{field}.probe", vulnerability.probe, content["probe"])
        self._builder.add(field, Record.of(Kind.VULNERABILITY, content))

    def _probe(self, field: str, probe: ProbeInput, content: Content) -> None:
        if probe.data is not None:
            content["data"] = self._builder.resolve(probe.data, f"{field}.data", DATA).id
        with self._builder.problem_at(f"{field}.metric"):
            self._scope.find(probe.metric)

    def _check_claims(self, field: str, profile: SafetyProfileInput) -> None:
        for i, claim in enumerate(profile.claims or ()):
            with self._builder.problem_at(f"{field}.claims[{i}].metric"):
                self._scope.find(claim.metric)


def _without_history(content: Content) -> Content:
    return {key: value for key, value in content.items() if key not in ("subject", "supersedes")}


def referred(manifest: ManifestInput) -> Iterator[str]:
    """The refs in the statements of a manifest."""
    for about in (manifest.safety_profiles, manifest.populations, manifest.notes, manifest.tensor_digests):
        yield from (statement.subject for statement in about or ())
    yield from (signature.subject for signature in manifest.signatures or ())
    for evaluation in manifest.evaluations or ():
        yield from filter(None, (evaluation.subject, evaluation.data))
        yield from (pair.subject for metric in evaluation.metrics for pair in metric.paired_with or ())
    for vulnerability in manifest.vulnerabilities or ():
        yield vulnerability.subject
        if vulnerability.probe and vulnerability.probe.data:
            yield vulnerability.probe.data
    for disclosure in manifest.disclosures or ():
        yield from (disclosure.subject, *filter(None, [disclosure.supersedes]), *(disclosure.generated_by or ()))
        yield from (parent.ref for parent in disclosure.parents or ())
        yield from (data.ref for data in disclosure.trained_on or ())


AboutArtifacts = TypeVar("AboutArtifacts", TensorDigestsInput, SignatureInput)


class ArtifactStatements:
    """Builds the statements about artifacts of one manifest, once its entities are built."""

    def __init__(self, reads: Reads, builder: RecordBuilder) -> None:
        self._reads = reads
        self._builder = builder

    async def build(self, manifest: ManifestInput) -> None:
        """Build them all; what is wrong is added to the builder's problems."""
        await self._build("tensorDigests", Kind.TENSOR_DIGESTS, manifest.tensor_digests or (), _check_tensors)
        await self._build("signatures", Kind.SIGNATURE, manifest.signatures or (), _check_signature)

    async def _build(
        self,
        section: str,
        kind: Kind,
        statements: Sequence[AboutArtifacts],
        check: Callable[[AboutArtifacts, Sequence[str], str], None],
    ) -> None:
        """Build those of one section; `check` raises InvalidInput where one does not fit the version's artifacts."""
        subjects: dict[int, Brief | Record] = {}
        for i, statement in enumerate(statements):
            field = f"{section}[{i}]"
            with self._builder.problem_at(field):
                subjects[i] = self._builder.resolve(statement.subject, f"{field}.subject", VERSION)
        contents = await self._contents(list(subjects.values()))
        for i, subject in subjects.items():
            field = f"{section}[{i}]"
            with self._builder.problem_at(field):
                held = [artifact["digest"] for artifact in contents[subject.id].get("artifacts", ())]
                check(statements[i], held, field)
                content = statements[i].content() | {"subject": subject.id}
                self._builder.add(field, Record.of(kind, content))

    async def _contents(self, subjects: Sequence[Brief | Record]) -> dict[str, Content]:
        """The contents of versions by id, by one look-up for all that are registered already."""
        found = {subject.id: subject.content for subject in subjects if isinstance(subject, Record)}
        registered = sorted({subject.sequence for subject in subjects if isinstance(subject, Brief)})
        entries = await self._reads.entries(registered) if registered else []
        return found | {entry.record.id: entry.record.content for entry in entries}


def _check_tensors(statement: TensorDigestsInput, held: Sequence[str], field: str) -> None:
    if statement.artifact not in held:
        raise InvalidInput(
            f"{statement.subject} has no artifact {statement.artifact}: give the digest of one of its files.",
            f"{field}.artifact",
        )


def _check_signature(statement: SignatureInput, held: Sequence[str], field: str) -> None:
    """A signature that leaves out a file of the version must not look as if it were one of the whole version."""
    if not held:
        raise InvalidInput(
            f"{statement.subject} has no artifacts, so nothing of it can have been signed: register its files.",
            f"{field}.subject",
        )
    signed = {file.digest for file in statement.files}
    if left_out := [digest for digest in held if digest not in signed]:
        more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        raise InvalidInput(
            f"The signature does not cover the artifact {left_out[0]}{more} of {statement.subject}: sign the files "
            "that were registered.",
            f"{field}.files",
        )
