"""Connections as Relay has them, forward only, with keyset cursors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

import strawberry

from app.page import Page

T = TypeVar("T")
R = TypeVar("R")


@strawberry.type(description="Where a page stands in its connection.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is more behind endCursor.")
    has_previous_page: bool = strawberry.field(description="Whether this page was asked for with after.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge; null on an empty page.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last edge, to be passed as after; null on an empty page."
    )

    @classmethod
    def of(cls, cursors: list[str], *, has_next: bool, has_previous: bool) -> PageInfo:
        return cls(
            has_next_page=has_next,
            has_previous_page=has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


@strawberry.type(description="An item of a connection, with its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Stands behind this item: pass it as after to go on from here.")
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of items in a stable order.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items with their cursors.")
    nodes: list[T] = strawberry.field(description="The items alone.")
    page_info: PageInfo = strawberry.field(description="Whether there are more, and where to go on.")
    counted: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(
        description="How many items there are in all. Counted only when it is selected; null, with an error, when that fails."
    )
    async def total_count(self) -> int | None:
        return await self.counted()


def connection(
    kind: Callable[..., Connection[T]], page: Page[R], shown: Callable[[R], T], counted: Callable[[], Awaitable[int]]
) -> Connection[T]:
    """A connection of a page of records, each shown as a GraphQL object."""
    nodes = [shown(item) for item in page.items]
    edges: Iterable[Edge[T]] = (
        Edge(cursor=cursor, node=node) for cursor, node in zip(page.cursors, nodes, strict=True)
    )
    info = PageInfo.of(page.cursors, has_next=page.has_next, has_previous=page.has_previous)
    return kind(edges=list(edges), nodes=nodes, page_info=info, counted=counted)
