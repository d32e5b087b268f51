"""Statements about artifacts: their tensors, with the versions that share some, and signatures over them."""

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.arguments import After, AsOf, First, Of
from descentd.app.graphql.schema.connections import EdgeList, page_info
from descentd.app.graphql.schema.enums import KinshipRelation
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count, Digest
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.model.kinds import Kind
from descentd.queries.lineage import kinship


@strawberry.type(description="The digests of the tensors in an artifact of a version.")
class TensorDigests(Record, kind=Kind.TENSOR_DIGESTS):
    """Statement about an artifact."""

    @strawberry.field(description="The digest of the artifact.")
    @batched
    async def artifact(self, info: Info) -> Digest:
        return Digest((await self._content(info))["artifact"])

    @strawberry.field(description="The number of tensors; `content` has each with name, digest and size in bytes.")
    @batched
    async def count(self, info: Info) -> Count:
        return Count(len((await self._content(info))["tensors"]))


@strawberry.type(description="A file that a signature covers.")
class SignedFile:
    """Signed file."""

    name: str = strawberry.field(description="Its path in the folder of the model that was signed.")
    digest: Digest = strawberry.field(description="Its SHA-256.")


@strawberry.type(
    description="A signature over the files of a version (OpenSSF Model Signing), which whoever recorded it has "
    "verified; it covers each of the version's artifacts."
)
class Signature(Record, kind=Kind.SIGNATURE):
    """Statement about the artifacts of a version."""

    @strawberry.field(description="All files that were signed.")
    @batched
    async def files(self, info: Info) -> list[SignedFile]:
        files = (await self._content(info))["files"]
        return [SignedFile(name=file["name"], digest=Digest(file["digest"])) for file in files]

    @strawberry.field(
        description="The key that it was verified with: SHA-256 of the public key (DER, SubjectPublicKeyInfo)."
    )
    @batched
    async def key(self, info: Info) -> Digest:
        return Digest((await self._content(info))["key"])

    @strawberry.field(description="SHA-256 of the file with the signature.")
    @batched
    async def bundle(self, info: Info) -> Digest:
        return Digest((await self._content(info))["bundle"])


@strawberry.type(description="A version that shares tensors with the one that was asked about.")
class KinEdge:
    """Kin."""

    cursor: str = strawberry.field(description="The position of the item, for `after`.")
    relation: KinshipRelation = strawberry.field(description="How it is declared to be related.")
    shared: Count = strawberry.field(description="The number of tensors that both have.")
    undeclared: Count = strawberry.field(
        description="The number of these that no declared ancestor of the version is known to have."
    )
    size: Count = strawberry.field(description="The size of the tensors that both have, in bytes.")
    node: ModelVersion = strawberry.field(description="The version.")


@strawberry.type(description="A page of versions that share tensors with a version: undeclared ones first.")
class KinConnection(EdgeList[KinEdge]):
    """A page of KinEdge."""

    tensors: Count = strawberry.field(description="The number of tensors of the version that are compared.")
    size: Count = strawberry.field(description="Their size, in bytes.")


@strawberry.type
class KinshipQuery:
    """Questions about kinship."""

    @strawberry.field(
        description="The versions whose artifacts share tensors with those of a version, whether or not it is declared "
        "that one comes from the other."
    )
    async def kin(
        self, info: Info, of: Of, first: First = None, after: After = None, as_of: AsOf = None
    ) -> KinConnection | None:
        found = await kinship.kin(context(info).registry, of, first, after, as_of)
        listed = found.listed
        context(info).answered_at(listed.upto, as_of)
        return KinConnection(
            total_count=Count(listed.total),
            page_info=page_info([cursor for _, cursor in listed.items], more=listed.more, after=after),
            edges=[
                KinEdge(
                    cursor=cursor,
                    relation=one.relation,
                    shared=Count(one.shared),
                    undeclared=Count(one.undeclared),
                    size=Count(one.size),
                    node=node(one.version, listed.upto),
                )
                for one, cursor in listed.items
            ],
            tensors=Count(found.tensors),
            size=Count(found.size),
        )
