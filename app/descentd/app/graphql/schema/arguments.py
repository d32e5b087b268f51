"""Arguments that many fields take, with their descriptions."""

from typing import Annotated

import strawberry

from descentd.app.graphql.schema.enums import RecordKind
from descentd.app.graphql.schema.scalars import DateTime, Ref

First = Annotated[int | None, strawberry.argument(description="How many items, 1 to 1000; 100 unless given.")]
After = Annotated[
    str | None, strawberry.argument(description="The `endCursor` of the page before; from the start unless given.")
]
AsOf = Annotated[
    DateTime | None, strawberry.argument(description="The moment of record time that is meant; now unless given.")
]
Of = Annotated[Ref, strawberry.argument(description="The record that is asked about.")]
Kinds = Annotated[list[RecordKind] | None, strawberry.argument(description="Only records of these kinds.")]
