"""Arguments that many fields take, with their descriptions."""

from typing import Annotated

import strawberry

from descentd.app.graphql.schema.enums import RecordKind
from descentd.app.graphql.schema.scalars import DateTime, Ref

First = Annotated[int | None, strawberry.argument(description="The number of items, 1 to 1000; 100 by default.")]
After = Annotated[
    str | None, strawberry.argument(description="The `endCursor` of the previous page; the first page by default.")
]
AsOf = Annotated[
    DateTime | None, strawberry.argument(description="Answer with what was recorded up to this moment; now by default.")
]
Of = Annotated[Ref, strawberry.argument(description="The record.")]
Kinds = Annotated[list[RecordKind] | None, strawberry.argument(description="Only records of these kinds.")]
