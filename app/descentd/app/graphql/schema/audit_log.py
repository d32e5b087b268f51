"""The access log, for auditors."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, First
from descentd.app.graphql.schema.connections import Edge, PageInfo, page_info
from descentd.app.graphql.schema.scalars import Count, DateTime
from descentd.graph.model.names import rfc3339
from descentd.queries.governance.audit_log import accesses


@strawberry.type(description="An access: one or several equal requests within a second.")
class Access:
    """Access."""

    at: DateTime = strawberry.field(description="The time of the first of them.")
    person: str | None = strawberry.field(description="The person; null if the request was not authenticated.")
    credential: str | None = strawberry.field(
        description="The id of the token, `oidc` (followed by the CI job, if the person started one), `local` or "
        "`command line`."
    )
    client: str = strawberry.field(description="The network address of the client.")
    route: str = strawberry.field(description="The route, for example `/graphql`.")
    operation: str = strawberry.field(
        description="The root fields of the operation; empty if the request was refused before they were known."
    )
    outcome: str = strawberry.field(description="OK, or the code of the error in the answer.")
    detail: str = strawberry.field(description="The reason of a refusal, or what a command did.")
    count: Count = strawberry.field(description="The number of equal requests.")


@strawberry.type(description="A page of the access log, newest first.")
class AccessConnection:
    """Accesses."""

    page_info: PageInfo = strawberry.field(description="The cursors of the page, and whether there are more.")
    edges: list[Edge[Access]] = strawberry.field(description="The items of this page.")


@strawberry.type
class AccessQuery:
    """Auditing."""

    @strawberry.field(
        description="The access log, newest first: all accesses, or those of a person, or only those that were or "
        "were not refused."
    )
    async def access_log(
        self,
        info: Info,
        person: Annotated[str | None, strawberry.argument(description="Only accesses of this person.")] = None,
        refused: Annotated[
            bool | None, strawberry.argument(description="true: only refused accesses; false: only the others.")
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
