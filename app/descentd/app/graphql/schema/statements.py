"""Statements about versions and data: safety profiles, notes and vulnerabilities."""

import strawberry
from strawberry.types import Info

from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.enums import Severity
from descentd.app.graphql.schema.records import Record
from descentd.graph.model.accounts import person_key
from descentd.graph.model.kinds import Kind


@strawberry.type(description="A value of an attribute.")
class Attribute:
    """Attribute."""

    attribute: str = strawberry.field(description="The attribute, for example `age_group`.")
    value: str = strawberry.field(description="The value, as exact text.")


@strawberry.type(description="A known bias that was not removed.")
class KnownBias:
    """Bias."""

    attribute: str = strawberry.field(description="The attribute, for example `age_group`.")
    value: str | None = strawberry.field(description="The group that it concerns; null: all values of the attribute.")
    description: str = strawberry.field(description="A description.")


@strawberry.type(description="A remark and its author.")
class ProfileNote:
    """Remark in a profile."""

    author: str = strawberry.field(description="The author.")
    text: str = strawberry.field(description="The text.")


@strawberry.type(description="A statement bound to a number: contradicted when the result, several pooled, is outside.")
class Claim:
    """Claim."""

    text: str = strawberry.field(description="The claim, as text.")
    metric: str = strawberry.field(description="The metric that it is bound to.")
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that it is about; empty: all."
    )
    at_least: float | None = strawberry.field(description="The lower bound.")
    at_most: float | None = strawberry.field(description="The upper bound.")


@strawberry.type(
    description="The safety profile of a version: its intended use, uses that are out of scope, and known biases."
)
class SafetyProfile(Record, kind=Kind.SAFETY_PROFILE):
    """Profile."""

    @strawberry.field(description="The intended use.")
    @batched
    async def intended_use(self, info: Info) -> str:
        return str((await self._content(info))["intendedUse"])

    @strawberry.field(description="Uses that are out of scope.")
    @batched
    async def must_not_do(self, info: Info) -> list[str]:
        return list((await self._content(info)).get("mustNotDo", ()))

    @strawberry.field(description="Safeguards that keep it within its intended use.")
    @batched
    async def guardrails(self, info: Info) -> list[str]:
        return list((await self._content(info)).get("guardrails", ()))

    @strawberry.field(description="Known biases that were not removed.")
    @batched
    async def known_biases(self, info: Info) -> list[KnownBias]:
        biases = (await self._content(info)).get("knownBiases", ())
        return [KnownBias(**{"value": None, **bias}) for bias in biases]

    @strawberry.field(description="Remarks.")
    @batched
    async def notes(self, info: Info) -> list[ProfileNote]:
        return [ProfileNote(**note) for note in (await self._content(info)).get("notes", ())]

    @strawberry.field(description="Statements bound to numbers.")
    @batched
    async def claims(self, info: Info) -> list[Claim]:
        return [
            Claim(
                text=claim["text"],
                metric=claim["metric"],
                slice=[Attribute(**part) for part in claim.get("slice", ())],
                at_least=claim.get("atLeast"),
                at_most=claim.get("atMost"),
            )
            for claim in (await self._content(info)).get("claims", ())
        ]

    @strawberry.field(description="Why it was revised.")
    @batched
    async def reason(self, info: Info) -> str | None:
        return (await self._content(info)).get("reason")


@strawberry.type(description="A remark about a record.")
class Note(Record, kind=Kind.NOTE):
    """Note."""

    @strawberry.field(description="The author of the text; `recordedBy` is the person who recorded it.")
    @batched
    async def author(self, info: Info) -> str:
        return str((await self._content(info))["author"])

    @strawberry.field(description="Whether its author is somebody else than the person who recorded it.")
    @batched
    async def quotation(self, info: Info) -> bool:
        entry = await self._entry(info)
        return person_key(str(entry.record.content["author"])) != person_key(entry.recorded_by)

    @strawberry.field(description="The text.")
    @batched
    async def text(self, info: Info) -> str:
        return str((await self._content(info))["text"])


@strawberry.type(description="A vulnerability that was found.")
class Vulnerability(Record, kind=Kind.VULNERABILITY):
    """Weakness."""

    @strawberry.field(description="A title of one line.")
    @batched
    async def title(self, info: Info) -> str:
        return str((await self._content(info))["title"])

    @strawberry.field(description="The severity.")
    @batched
    async def severity(self, info: Info) -> Severity:
        return Severity((await self._content(info))["severity"])

    @strawberry.field(description="A longer description.")
    @batched
    async def description(self, info: Info) -> str | None:
        return (await self._content(info)).get("description")
