"""The log of accesses, for auditors."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, First
from descentd.app.graphql.schema.connections import Edge, PageInfo, page_info
from descentd.app.graphql.schema.scalars import Count, DateTime
from descentd.graph.model.names import rfc3339
from descentd.queries.governance.audit_log import accesses


@strawberry.type(description="Something that was asked for, once or several times within a second.")
class Access:
    """Access."""

    at: DateTime = strawberry.field(description="When, the first time.")
    person: str | None = strawberry.field(description="Who; null where nobody was known.")
    credential: str | None = strawberry.field(description="The id of the token, `oidc`, `local` or `command line`.")
    client: str = strawberry.field(description="The address that it came from.")
    route: str = strawberry.field(description="Where it came in, `/graphql`.")
    operation: str = strawberry.field(description="The fields that it began with; empty where it did not get so far.")
    outcome: str = strawberry.field(description="OK, or the code of the error that was answered.")
    detail: str = strawberry.field(description="Why it was refused, or what a command did.")
    count: Count = strawberry.field(description="How many times.")


@strawberry.type(description="A page of the log of accesses, newest first.")
class AccessConnection:
    """Accesses."""

    page_info: PageInfo = strawberry.field(description="Where the page ends.")
    edges: list[Edge[Access]] = strawberry.field(description="The items of this page.")


@strawberry.type
class AccessQuery:
    """Auditing."""

    @strawberry.field(
        description="Who asked for what, newest first: all, or a person's, or only what was or was not refused."
    )
    async def access_log(
        self,
        info: Info,
        person: Annotated[str | None, strawberry.argument(description="Only what this person asked for.")] = None,
        refused: Annotated[
            bool | None, strawberry.argument(description="Only what was refused; false: only what was not.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> AccessConnection:
        found = await accesses(context(info).registry, person, refused, first, after)
        edges = [
            Edge(
                cursor=cursor,
                node=Access(
                    at=DateTime(rfc3339(one.at)),
                    person=one.person,
                    credential=one.credential,
                    client=one.client,
                    route=one.route,
                    operation=one.operation,
                    outcome=one.outcome,
                    detail=one.detail,
                    count=Count(one.count),
                ),
            )
            for one, cursor in found.items
        ]
        return AccessConnection(
            page_info=page_info([edge.cursor for edge in edges], more=found.more, after=after), edges=edges
        )
