"""Where a cell of a column stands."""

from __future__ import annotations

from resolvers.operation.plan.place import Below, Items, Root, Some


def test_a_cell_knows_its_way_from_the_root_through_lists_and_parts() -> None:
    nodes = Items(Below(Root(), (2, "nodes")), [4])
    tags = Items(Below(Some(nodes, [1, 3]), (0, "tags")), [0, 2])
    assert tags.steps(1) == ((2, "nodes"), (3, 3), (0, "tags"), (1, 1))


def test_empty_lists_have_no_cells() -> None:
    items = Items(Below(Root(), (0, "lists")), [0, 0, 1, 0, 2])
    assert [items.steps(row)[-1] for row in range(3)] == [(0, 0), (0, 0), (1, 1)]
