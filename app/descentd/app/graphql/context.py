"""What the resolvers of one request share: the registry, the person, and look-ups that are batched."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from strawberry.types import Info

from descentd.app.graphql.loaders import Loader
from descentd.app.graphql.pacing import Pace
from descentd.graph.disclosures import superseding
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import Internal
from descentd.graph.model.kinds import Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.graph.retractions import find_retractions
from descentd.queries.evaluation import contamination
from descentd.queries.evaluation.evaluations import ResultPlace, ResultUse, measured
from descentd.queries.governance.reviews import ReviewState, reviews
from descentd.queries.lineage.history import STATEMENTS
from descentd.queries.lineage.paths import Derivation
from descentd.queries.production.deployments import Deployment, deployments_by_record
from descentd.queries.production.incidents import resolutions
from descentd.queries.registry import Registry, moment_of


class Context:
    """One request, of a person with roles. `sequence` is the log position of its answer, once a resolver has asked.

    `resume_after` is the position of the last event that a client received before it connected again.
    """

    def __init__(
        self, registry: Registry, person: str, roles: frozenset[AccessRole], resume_after: str | None = None
    ) -> None:
        self.registry = registry
        self.person = person
        self.roles = roles
        self.resume_after = resume_after
        self.pace: Pace | None = None
        """What gives the list items of a query or mutation their turns."""
        self.sequence: int | None = None
        self.warnings: dict[str, None] = {}
        """What the answer has to say beside its data, `extensions.warnings`; each once, in order."""
        self.moments: dict[int, int] = {}
        """The moments that log positions stand for where `asOf` was asked, in microseconds; else it is now."""

    @cached_property
    def entries(self) -> Loader[int, Entry]:
        """By log position."""
        return Loader(self._entries)

    @cached_property
    def briefs(self) -> Loader[int, Brief]:
        """By log position."""
        return Loader(self._briefs)

    @cached_property
    def named(self) -> Loader[str, Brief]:
        """By id or label, which must be registered."""
        return Loader(self._named)

    @cached_property
    def retractions(self) -> Loader[tuple[str, int], Brief | None]:
        """By id and log position, the retraction of the record that is in force."""
        return Loader(self._retractions)

    @cached_property
    def superseding(self) -> Loader[tuple[int, int], Brief | None]:
        """By disclosure and log position, the disclosure that is in force in its place."""
        return Loader(self._superseding)

    @cached_property
    def reviews(self) -> Loader[tuple[int, int], list[ReviewState]]:
        """By version and log position, its reviews as they stand."""
        return Loader(self._reviews)

    @cached_property
    def deployments(self) -> Loader[tuple[int, int], Deployment | None]:
        """By deployment and log position."""
        return Loader(self._deployments)

    @cached_property
    def resolutions(self) -> Loader[tuple[int, int], Entry | None]:
        """By incident and log position."""
        return Loader(self._resolutions)

    @cached_property
    def statements(self) -> Loader[int, list[tuple[Role, int]]]:
        """By log position, the statements about a record with their roles, in order of the log."""
        return Loader(self._statements)

    @cached_property
    def contaminations(self) -> Loader[tuple[int, int, int], Derivation | None]:
        """By log position, version and data, how the version learned from the data, where it did."""
        return Loader(self._contaminations)

    @cached_property
    def result_uses(self) -> Loader[tuple[int, int], Mapping[ResultPlace, ResultUse]]:
        """By log position and version, which of its results count, and what they come to."""
        return Loader(self._result_uses)

    def answered_at(self, sequence: int, as_of: str | None = None) -> None:
        """Note the log position of a part of the answer, and the `asOf` that it stands for.

        The answer carries the latest position.
        """
        self.sequence = max(sequence, self.sequence or 0)
        moment = moment_of(as_of)
        if moment is not None:
            self.moments[sequence] = moment

    def warn(self, text: str) -> None:
        """Say something beside the data of the answer, in one sentence: it goes into `extensions.warnings`."""
        self.warnings[text] = None

    async def _entries(self, sequences: list[int]) -> Sequence[Entry]:
        return await self.registry.store.entries(sequences)

    async def _briefs(self, sequences: list[int]) -> Sequence[Brief]:
        return await self.registry.store.briefs(sequences)

    async def _named(self, ids: list[str]) -> Sequence[Brief]:
        found = await self.registry.store.resolve(ids)
        return [found[id] for id in ids]

    async def _retractions(self, asked: list[tuple[str, int]]) -> Sequence[Brief | None]:
        retractions = await find_retractions(self.registry.store, {id for id, _ in asked})
        retracted = {at: retractions.at(at) for at in {at for _, at in asked}}
        return [retracted[at].get(id) for id, at in asked]

    async def _superseding(self, asked: list[tuple[int, int]]) -> Sequence[Brief | None]:
        found: dict[tuple[int, int], Brief] = {}
        for at, disclosures in _by_position(asked).items():
            for disclosure, newer in (await superseding(self.registry.store, disclosures, at)).items():
                found[disclosure, at] = newer
        return [found.get(one) for one in asked]

    async def _contaminations(self, keys: list[tuple[int, int, int]]) -> Sequence[Derivation | None]:
        pairs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for at, version, data in keys:
            pairs[at].append((version, data))
        found = {at: await contamination.derivations(self.registry, asked, at) for at, asked in pairs.items()}
        return [found[at].get((version, data)) for at, version, data in keys]

    async def _result_uses(self, keys: list[tuple[int, int]]) -> Sequence[Mapping[ResultPlace, ResultUse]]:
        found: dict[tuple[int, int], Mapping[ResultPlace, ResultUse]] = {}
        for at in {at for at, _ in keys}:
            results = await measured(self.registry, sorted({version for then, version in keys if then == at}), at)
            found |= {(at, version): results.uses(version) for then, version in keys if then == at}
        return [found[key] for key in keys]

    async def _reviews(self, asked: list[tuple[int, int]]) -> Sequence[list[ReviewState]]:
        found = {}
        for at, versions in _by_position(asked).items():
            for version, states in (await reviews(self.registry, versions, at, self.moments.get(at))).items():
                found[version, at] = states
        return [found[one] for one in asked]

    async def _deployments(self, asked: list[tuple[int, int]]) -> Sequence[Deployment | None]:
        found: dict[tuple[int, int], Deployment] = {}
        for at, sequences in _by_position(asked).items():
            entries = await self.entries.load_many(sequences)
            for sequence, deployment in (await deployments_by_record(self.registry, entries, at)).items():
                found[sequence, at] = deployment
        return [found.get(one) for one in asked]

    async def _resolutions(self, asked: list[tuple[int, int]]) -> Sequence[Entry | None]:
        found: dict[tuple[int, int], Entry] = {}
        for at, sequences in _by_position(asked).items():
            for sequence, entry in (await resolutions(self.registry, sequences, at)).items():
                found[sequence, at] = entry
        return [found.get(one) for one in asked]

    async def _statements(self, sequences: list[int]) -> Sequence[list[tuple[Role, int]]]:
        about: defaultdict[int, list[tuple[Role, int]]] = defaultdict(list)
        for link in await self.registry.store.links(sequences, STATEMENTS, inward=True):
            about[link.target].append((link.role, link.source))
        return [sorted(about[sequence], key=lambda statement: statement[1]) for sequence in sequences]


def _by_position(asked: Sequence[tuple[int, int]]) -> Mapping[int, list[int]]:
    """What was asked for, by the log position that it was asked at: mostly there is one."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for record, at in asked:
        found[at].append(record)
    return found


def context(info: Info) -> Context:
    """The context of the request that a field is resolved for."""
    if not isinstance(info.context, Context):
        raise Internal("The request has no context.")
    return info.context
