"""Arguments that several fields take, with their descriptions."""

from __future__ import annotations

from typing import Annotated

import strawberry

from resolvers.scalar import JSONObject, Vector

First = Annotated[int, strawberry.argument(description="How many to answer at most, 1 to 500.")]
After = Annotated[
    str | None, strawberry.argument(description="Go on behind this cursor: the endCursor of the page before.")
]
Available = Annotated[
    bool | None,
    strawberry.argument(description="Only those that can embed right now (true), or cannot (false); null: all."),
]
QueryText = Annotated[
    str | None,
    strawberry.argument(
        description="A text, embedded as a query through the integration that is attached to the collection or vector column."
    ),
]
QueryVector = Annotated[
    Vector | None,
    strawberry.argument(description="A vector of the collection's or vector column's dimension; no provider is asked."),
]
Filter = Annotated[
    JSONObject | None,
    strawberry.argument(
        description="Only records that match: $eq $ne $gt $gte $lt $lte $in $nin $exists $and $or $not on dotted paths "
        "or columns; _id is a document's key."
    ),
]
MinSimilarity = Annotated[
    float | None,
    strawberry.argument(description="Only hits at least this similar: 0 to 1, but for DOT_PRODUCT any number."),
]
