"""Who asks: so that what takes long is not begun by somebody who may not finish it."""

import strawberry
from strawberry.types import Info

from descentd.app.auth.authorization import sections_of
from descentd.app.graphql.context import context


@strawberry.type(description="Who asks, and what they may do.")
class Me:
    """Me."""

    person: str = strawberry.field(description="The person that the token stands for.")
    roles: list[str] = strawberry.field(description="The roles of the token.")
    registers: list[str] = strawberry.field(description="The sections of a manifest that they may register.")


@strawberry.type
class MeQuery:
    """Asking who asks."""

    @strawberry.field(description="Who asks, and what they may do.")
    async def me(self, info: Info) -> Me:
        asking = context(info)
        return Me(person=asking.person, roles=sorted(asking.roles), registers=sections_of(asking.roles))
