"""How an element is built: the names and places of all that stands in it, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from saft_pipeline.saft.fields import LEAVES, ONCE, REPEATABLE, key_of
from saft_pipeline.saft.records import Extra, Value

Tags = tuple[str, ...]
Counts = tuple[int, ...]


@lru_cache(maxsize=4096)
def local_name(tag: str) -> str:
    """`{namespace}Invoice` as `Invoice`."""
    return tag.rpartition("}")[2]


class Node(NamedTuple):
    """An element of a shape: its place in document order, its path below the outermost."""

    tag: str
    place: int
    path: str
    children: list[Node]

    def all(self) -> Iterator[Node]:
        """It and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.all()


def tree(tags: Tags, children: Counts) -> Node:
    """The tree of which these are the names and the numbers of children, in document order."""
    places = iter(range(len(tags)))

    def node(above: str) -> Node:
        place = next(places)
        tag = local_name(tags[place])
        path = above + tag if place else ""
        below = f"{path}/" if place else ""
        return Node(tag, place, path, [node(below) for _ in range(children[place])])

    return node("")


def misplaced(root: Node) -> tuple[int, str] | None:
    """The first element that stands in one that holds text only, and what is wrong with that."""
    for node in root.all():
        # 1.00 has an element TaxType in the tax table that holds others.
        if node.children and node.tag in LEAVES and (node.place or node.tag != "TaxType"):
            child = node.children[0]
            return child.place, f"<{child.tag}> stands inside <{node.tag}>, which holds text only"
    return None


def repeated(root: Node) -> list[tuple[int, str]]:
    """What stands again beside its like though the schemas have it once, and what is to be said."""
    found = []
    for node in root.all():
        seen: set[str] = set()
        for child in node.children:
            if child.tag in seen and child.tag in ONCE:
                found.append((child.place, f"<{child.tag}> stands twice in <{node.tag}>"))
            seen.add(child.tag)
    return found


def several_references(root: Node) -> list[Node]:
    """If there is more than one: the first fills the columns, and all are kept."""
    found = [child for child in root.children if child.tag == "References" and child.children]
    return found if len(found) > 1 else []


def as_value(node: Node, values: Mapping[int, str | None]) -> Value:
    """What is in an element: a text, a dict of its children, None if it is empty."""
    if not node.children:
        return values.get(node.place)
    found: Extra = {}
    for child in node.children:
        _put(found, child.tag, as_value(child, values))
    return found or None


def _put(extra: Extra, tag: str, value: Value) -> None:
    """Add what an element holds under its key; several of the same name become a list."""
    if value is None:
        return
    key = key_of(tag)
    if tag in REPEATABLE:
        extra.setdefault(key, []).append(value)
    elif key not in extra:
        extra[key] = value
    elif isinstance(extra[key], list):
        extra[key].append(value)
    else:
        extra[key] = [extra[key], value]
