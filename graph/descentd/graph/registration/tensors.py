"""The records of a manifest's statements about artifacts: the digests of the tensors in them."""

from collections.abc import Sequence

from descentd.graph.inputs.tensors import TensorDigestsInput
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.builder import VERSION, RecordBuilder
from descentd.graph.store.base import Reads


class TensorStatements:
    """Builds the statements about artifacts of one manifest, once its entities are built."""

    def __init__(self, reads: Reads, builder: RecordBuilder) -> None:
        self._reads = reads
        self._builder = builder

    async def build(self, statements: Sequence[TensorDigestsInput]) -> None:
        """Build them all; what is wrong is added to the builder's problems."""
        subjects: dict[int, Brief | Record] = {}
        for i, statement in enumerate(statements):
            field = f"tensorDigests[{i}]"
            with self._builder.problem_at(field):
                subjects[i] = self._builder.resolve(statement.subject, f"{field}.subject", VERSION)
        contents = await self._contents(list(subjects.values()))
        for i, subject in subjects.items():
            field = f"tensorDigests[{i}]"
            with self._builder.problem_at(field):
                held = [artifact["digest"] for artifact in contents[subject.id].get("artifacts", ())]
                if statements[i].artifact not in held:
                    raise InvalidInput(
                        f"{statements[i].subject} has no artifact {statements[i].artifact}: give the digest of one of "
                        "its files.",
                        f"{field}.artifact",
                    )
                content = statements[i].content() | {"subject": subject.id}
                self._builder.add(field, Record.of(Kind.TENSOR_DIGESTS, content))

    async def _contents(self, subjects: Sequence[Brief | Record]) -> dict[str, Content]:
        """The contents of versions by id, by one look-up for all that are registered already."""
        found = {subject.id: subject.content for subject in subjects if isinstance(subject, Record)}
        registered = sorted({subject.sequence for subject in subjects if isinstance(subject, Brief)})
        entries = await self._reads.entries(registered) if registered else []
        return found | {entry.record.id: entry.record.content for entry in entries}
