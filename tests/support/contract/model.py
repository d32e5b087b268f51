"""What a store must answer, worked out from its records alone, one by one: the oracle of the contract suite."""

from collections.abc import Collection, Iterator, Sequence

from descentd.graph.model.derived import shares_of
from descentd.graph.model.kinds import EVIDENCE, INFLUENCE, Edge, Kind, Role
from descentd.graph.model.reach import DisclosureFact, PopulationFact, Tail
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.base import Link, Totals
from tests.support.strategies import Noted, tail


class Model:
    """Records in log order and nothing else: every answer is a search through all of them."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records = list(records)

    def brief(self, sequence: int) -> Brief:
        """The record at a sequence."""
        record = self.records[sequence - 1]
        return Brief(sequence, record.kind, record.id, record.label)

    def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        """See Reads."""
        found: dict[str, Brief] = {}
        for sequence, record in enumerate(self.records, 1):
            found |= {name: self.brief(sequence) for name in (record.id, record.label) if name in names and name}
        return found

    def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        """See Reads."""
        held = {key: [s for s, record in enumerate(self.records, 1) if key in record.keys] for key in keys}
        return {key: sequences for key, sequences in held.items() if sequences}

    def all_links(self) -> Iterator[Link]:
        """All edges, by source."""
        places = {record.id: sequence for sequence, record in enumerate(self.records, 1)}
        for sequence, record in enumerate(self.records, 1):
            for edge in record.edges:
                yield Link(sequence, edge.role, places[edge.target], edge.detail)

    def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        """See Reads."""
        found = [
            link
            for link in self.all_links()
            if link.role in roles and (link.target if inward else link.source) in sequences
        ]
        return sorted(found, key=lambda link: (link.source, link.role, link.target))

    def find_by_prefix(self, prefix: str) -> list[int]:
        """See Store."""
        return [s for s, record in enumerate(self.records, 1) if any(key.startswith(prefix) for key in record.keys)]

    def search(self, words: Sequence[str], digest: str | None) -> list[int]:
        """See Store."""
        return [s for s, record in enumerate(self.records, 1) if _is_found(record, words, digest)]

    def log(self) -> list[Noted]:
        """The records as a lineage sees them."""
        links: dict[int, list[Link]] = {}
        for link in self.all_links():
            links.setdefault(link.source, []).append(link)
        return [self._noted(s, record, links.get(s, [])) for s, record in enumerate(self.records, 1)]

    def _noted(self, sequence: int, record: Record, links: Sequence[Link]) -> Noted:
        walked = [link for link in links if link.role in INFLUENCE | EVIDENCE]
        edges = tuple((link.role, link.target, Edge(link.role, "", link.detail).learns) for link in walked)
        digest = int(record.content["digest"].removeprefix("sha256:"), 16) if record.kind is Kind.PARTITION else None
        fact = disclosure = None
        about = tuple(sorted(link.target for link in links if link.role is Role.ABOUT))
        if record.kind is Kind.POPULATION:
            subject = next(link.target for link in links if link.role is Role.DESCRIBES)
            fact = PopulationFact(sequence, subject, *shares_of(record.content))
        elif record.kind is Kind.DISCLOSURE:
            superseded = next((link.target for link in links if link.role is Role.SUPERSEDES), None)
            disclosure = DisclosureFact(sequence, about, record.content.get("complete") is True, superseded)
        retracts = about if record.kind is Kind.RETRACTION else ()
        # The zoo's configs speak of training by one parameter alone.
        made_with = [self.records[link.target - 1] for link in links if link.role is Role.CONFIGURED_BY]
        trained = any(b"learning_rate" in config.body for config in made_with)
        return Noted(record.kind, edges, digest, fact, disclosure, retracts, trained)

    def tail(self, after: int) -> Tail:
        """See Store."""
        log = self.log()
        return tail(log, after, len(log))

    def totals(self) -> Totals:
        """See Store."""
        records = self.records
        return Totals(len(records), sum(len(r.edges) for r in records), sum(len(r.keys) for r in records))


def _is_found(record: Record, words: Sequence[str], digest: str | None) -> bool:
    held = record.words.split(" ")
    if words and all(any(word.startswith(wanted) for word in held) for wanted in words):
        return True
    digests = [record.id, *(k.partition(":")[2] for k in record.keys if k.startswith(("artifact:", "digest:")))]
    return digest is not None and any(one.startswith(digest) for one in digests)
