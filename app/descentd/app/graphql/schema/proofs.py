"""Proofs that a record is in the log, which clients verify without trusting the server."""

from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.arguments import Of
from descentd.app.graphql.schema.records import Record, node
from descentd.graph.model.log import Entry
from descentd.queries import proofs


@strawberry.type(
    description="That a record is in the log, and that the log which it is proved in is the beginning of the present "
    "one (RFC 6962, 2.1). Hashes are hexadecimal digits."
)
class Proof:
    """Proof."""

    record: Record = strawberry.field(description="The record.")
    leaf: str = strawberry.field(description="The hash of its entry: SHA-256 of a zero byte and `entry`.")
    index: int = strawberry.field(description="The position of its entry, counted from 0.")
    size: int = strawberry.field(description="The number of entries of the log that it is proved in.")
    root: str = strawberry.field(description="The root of that log.")
    inclusion: list[str] = strawberry.field(description="The audit path from leaf to root, lowest first.")
    present_size: int = strawberry.field(description="The present number of entries of the log.")
    present_root: str = strawberry.field(description="The present root of the log.")
    consistency: list[str] = strawberry.field(
        description="The proof that the log of `size` entries is the beginning of the present one."
    )

    @strawberry.field(
        description="The text that is hashed into the leaf: a tag, then sequence, transaction, time in microseconds "
        "since 1970, the record's id and who recorded it, a line each."
    )
    @batched
    async def entry(self, info: Info) -> str:
        return (await self._entry(info)).text

    @strawberry.field(
        description="The content that is hashed into the record's id, as it is hashed: RFC 8785 JSON. The id is "
        "SHA-256 of `descent.record.v1:`, the kind, a line feed and this."
    )
    @batched
    async def body(self, info: Info) -> str:
        return (await self._entry(info)).record.body.decode()

    async def _entry(self, info: Info) -> Entry:
        return await context(info).entries.load(self.index + 1)


@strawberry.type
class ProofQuery:
    """Proofs."""

    @strawberry.field(description="The proof that a record is in the log.")
    async def proof(
        self,
        info: Info,
        of: Of,
        size: Annotated[
            int | None,
            strawberry.argument(description="The number of entries of the log that it is proved in; all by default."),
        ] = None,
    ) -> Proof | None:
        found = await proofs.prove(context(info).registry, of, size)
        context(info).answered_at(found.present)
        return Proof(
            record=node(found.record, found.present),
            leaf=found.leaf.hex(),
            index=found.record.sequence - 1,
            size=found.size,
            root=found.root.hex(),
            inclusion=_hexadecimal(found.inclusion),
            present_size=found.present,
            present_root=found.present_root.hex(),
            consistency=_hexadecimal(found.consistency),
        )


def _hexadecimal(hashes: Sequence[bytes]) -> list[str]:
    return [hash.hex() for hash in hashes]
