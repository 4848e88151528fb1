"""The grammar of the query string: docs.postgrest.org, References, API, Tables and Views.

Text becomes the plain objects of this module; what they mean in SQL is in `statements`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import TypeVar

from saft_pipeline_tests.postgrest.errors import ApiError, cannot_parse, not_implemented

T = TypeVar("T")

OPERATORS = {
    "eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=",
    "like": "like", "ilike": "ilike", "match": "~", "imatch": "~*",
    "isdistinct": "is distinct from", "cs": "@>", "cd": "<@", "ov": "&&",
    "sl": "<<", "sr": ">>", "nxr": "&<", "nxl": "&>", "adj": "-|-",
}  # fmt: skip
_QUANTIFIED = ("eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch")
_FULL_TEXT = ("fts", "plfts", "phfts", "wfts")
_IS = {"null": "null", "not_null": "not null", "true": "true", "false": "false",
       "unknown": "unknown"}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Field:
    """A column, and the way into it if it holds JSON: pairs of `->` or `->>` and a key."""

    name: str
    path: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Selected:
    """A field of `select`, maybe cast and renamed."""

    field: Field
    cast: str | None = None
    alias: str | None = None


@dataclasses.dataclass(frozen=True)
class Filter:
    """A condition on a field; `value` is a list for `in`, a keyword for `is`."""

    field: Field
    negated: bool
    operator: str
    value: str | tuple[str, ...]
    quantifier: str | None = None


@dataclasses.dataclass(frozen=True)
class Logic:
    """Conditions joined by `and` or `or`."""

    negated: bool
    operator: str
    terms: tuple[Filter | Logic, ...]


@dataclasses.dataclass(frozen=True)
class Order:
    """A term of `order`, with the words of SQL that follow the field."""

    field: Field
    words: str


class Scanner:
    """A position in the value of one parameter."""

    def __init__(self, text: str, what: str) -> None:
        self.text = text
        self.what = what
        self.position = 0

    def take(self, pattern: str) -> str | None:
        """What matches here, taken; None, and nothing taken, if nothing does."""
        found = re.compile(pattern).match(self.text, self.position)
        if not found:
            return None
        self.position = found.end()
        return found[0]

    def need(self, pattern: str, name: str) -> str:
        """What matches here, which must be there."""
        found = self.take(pattern)
        if found is None:
            raise self.error(f"expecting {name}")
        return found

    def list(self, item: Callable[[Scanner], T], comma: str = r"[ \t]*,[ \t]*") -> list[T]:
        """Items separated by commas."""
        items = [item(self)]
        while self.take(comma):
            items.append(item(self))
        return items

    def error(self, expecting: str) -> ApiError:
        """What is wrong at this position."""
        rest = self.text[self.position : self.position + 1]
        unexpected = f'unexpected "{rest}"' if rest else "unexpected end of input"
        return cannot_parse(self.what, self.text, self.position, f"{unexpected} {expecting}")

    def whole(self, item: Callable[[Scanner], T]) -> T:
        """An item that takes all of the text."""
        result = item(self)
        if self.position < len(self.text):
            raise self.error('expecting "," or end of input')
        return result


def parse_select(text: str) -> list[Selected]:
    """`select`: fields, with `alias:`, `->path` and `::cast`."""
    if re.search(r'\((?=(?:[^"]*"[^"]*")*[^"]*$)', text):
        raise not_implemented("embedding and aggregates")
    return Scanner(text, "select parameter").whole(lambda scanner: scanner.list(_selected))


def parse_names(text: str, what: str) -> list[str]:
    """`columns` and `on_conflict`: names."""
    return Scanner(text, f"{what} parameter").whole(lambda scanner: scanner.list(_name))


def parse_order(text: str) -> list[Order]:
    """`order`: fields with `.asc` or `.desc` and `.nullsfirst` or `.nullslast`."""
    return Scanner(text, "order").whole(lambda scanner: scanner.list(_order))


def parse_filter(name: str, text: str) -> Filter:
    """A parameter that is a column: `name=operator.value`, where the value is all the rest."""
    field = Scanner(name, "tree path").whole(_field)
    return Scanner(text, "filter").whole(lambda scanner: _condition(scanner, field, r"(?s).*"))


def parse_logic(name: str, text: str) -> Logic:
    """`or`, `and`, `not.or` and `not.and`: a tree of conditions."""
    tree = Scanner(name + text, "logic tree").whole(_logic)
    assert isinstance(tree, Logic)
    return tree


def has_operator(text: str) -> bool:
    """Whether a parameter of a function called by GET filters its result, and is no argument."""
    word = re.match(r"([a-z]+)(\((any|all)\))?\.", text)
    return word is not None and word[1] in (*OPERATORS, *_FULL_TEXT, "not", "is", "in")


def _name(scanner: Scanner) -> str:
    quoted = scanner.take(r'"(?:[^"\\]|\\.)*"')
    if quoted is not None:
        return _unquoted(quoted)
    return scanner.need(r"[\w $]+(?:-(?!>)[\w $]+)*", "field name (* or [a..z0..9_$])").strip()


def _unquoted(text: str) -> str:
    return re.sub(r"(?s)\\(.)", r"\1", text[1:-1])


def _field(scanner: Scanner) -> Field:
    name = _name(scanner)
    path = []
    while arrow := scanner.take(r"->>?"):
        path.append((arrow, scanner.take(r"-?\d+(?=->|::|[.,)]|$)") or _name(scanner)))
    return Field(name, tuple(path))


def _selected(scanner: Scanner) -> Selected:
    if scanner.take(r"\*"):
        return Selected(Field("*"))
    start = scanner.position
    alias: str | None = _name(scanner)
    if not scanner.take(r":(?!:)"):
        scanner.position, alias = start, None
    field = _field(scanner)
    cast = scanner.need(r"[\w $]+", "letter or digit").strip() if scanner.take("::") else None
    return Selected(field, cast, alias)


def _order(scanner: Scanner) -> Order:
    field = _field(scanner)
    words = [scanner.take(r"\.(asc|desc)"), scanner.take(r"\.nulls(first|last)")]
    text = " ".join(word[1:] for word in words if word)
    return Order(field, text.replace("nulls", "nulls "))


def _condition(scanner: Scanner, field: Field, value: str) -> Filter:
    negated = bool(scanner.take(r"not\."))
    if scanner.take(r"is\."):
        word = scanner.need(rf"(?i:{'|'.join(_IS)})\b", "null or trilean value").lower()
        return Filter(field, negated, "is", _IS[word])
    if scanner.take(r"in\."):
        return Filter(field, negated, "in", _in_list(scanner))
    operator, quantifier = _operator(scanner)
    return Filter(field, negated, operator, scanner.need(value, "a value"), quantifier)


def _operator(scanner: Scanner) -> tuple[str, str | None]:
    start = scanner.position
    text = scanner.need(r"[^.]*\.", "operator (eq, gt, ...)")[:-1]
    name, quantifier = re.fullmatch(r"(.*?)(?:\((any|all)\))?", text, re.DOTALL).groups()  # type: ignore[union-attr]
    if name.partition("(")[0] in _FULL_TEXT:
        raise not_implemented("full-text search")
    if name not in OPERATORS or (quantifier and name not in _QUANTIFIED):
        details = f"unknown single value operator {text}"
        raise cannot_parse(scanner.what, scanner.text, start, details)
    return name, quantifier


def _in_list(scanner: Scanner) -> tuple[str, ...]:
    scanner.need(r"[ \t]*\([ \t]*", '"("')
    values = scanner.list(_element, ",")
    scanner.need(r"\)[ \t]*", '")"')
    return () if values == [""] else tuple(values)


def _element(scanner: Scanner) -> str:
    quoted = scanner.take(r'"(?:[^"\\]|\\.)*"(?=[,)]|$)')
    return _unquoted(quoted) if quoted is not None else scanner.need(r"[^,)]*", "a value")


def _logic(scanner: Scanner) -> Filter | Logic:
    start = scanner.position
    negated = bool(scanner.take(r"not\."))
    operator = scanner.take(r"(and|or)(?=[ \t]*\()")
    if operator is None:
        scanner.position = start
        field = _field(scanner)
        scanner.need(r"\.", "delimiter (.)")
        return _logic_condition(scanner, field)
    scanner.need(r"[ \t]*\([ \t]*", '"("')
    terms = scanner.list(_logic)
    scanner.need(r"[ \t]*\)", '")"')
    return Logic(negated, operator, tuple(terms))


def _logic_condition(scanner: Scanner, field: Field) -> Filter:
    """A value in a tree ends at a comma or parenthesis, unless it is quoted or an array."""
    condition = _condition(scanner, field, r'"(?:[^"\\]|\\.)*"(?=[,)]|$)|\{[^{}]*\}|[^,)]*')
    value = condition.value
    if isinstance(value, str) and value[:1] == '"' and value[-1:] == '"' and len(value) > 1:
        return dataclasses.replace(condition, value=_unquoted(value))
    return condition
