"""The person who asks: clients check their roles before they begin work that they may not finish."""

import strawberry
from strawberry.types import Info

from descentd.app.auth.authorization import sections_of
from descentd.app.graphql.context import context


@strawberry.type(description="The person who asks, and what they may do.")
class Me:
    """Me."""

    person: str = strawberry.field(description="The person of the token.")
    roles: list[str] = strawberry.field(description="The roles of the token.")
    registers: list[str] = strawberry.field(description="The sections of a manifest that they may register.")


@strawberry.type
class MeQuery:
    """The query `me`."""

    @strawberry.field(description="The person who asks, and what they may do.")
    async def me(self, info: Info) -> Me:
        asking = context(info)
        return Me(person=asking.person, roles=sorted(asking.roles), registers=sections_of(asking.roles))
