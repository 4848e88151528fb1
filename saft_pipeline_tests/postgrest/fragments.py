"""The parts of a SELECT that a query string gives: columns, conditions, order, limit.

Values become parameters whose type Postgres infers, names become quoted identifiers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql
from psycopg.sql import SQL, Composable, Identifier

from saft_pipeline_tests.postgrest.grammar import OPERATORS, Field, Filter, Logic, Order, Selected
from saft_pipeline_tests.postgrest.query import Query, Range

NOTHING = SQL("")
SOURCE = Identifier("pgrst_source")


class Statement:
    """One statement that is being built, with the parameters that it collects."""

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.text = sql.Composed([])

    def bind(self, value: str) -> sql.Placeholder:
        """A placeholder for `value`."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return sql.Placeholder(name)


def raw(text: str) -> SQL:
    """Text that is SQL already: from the catalog, or of the few words that the grammar allows."""
    return SQL(text.replace("%", "%%").replace("{", "{{").replace("}", "}}"))


def comma(parts: Iterable[Composable]) -> Composable:
    """The parts, separated."""
    return SQL(", ").join(parts)


def names(of: Iterable[str]) -> Composable:
    """Column names, separated."""
    return comma(Identifier(name) for name in of)


def column(relation: Identifier, name: str) -> Composable:
    """A column of a relation."""
    return SQL("{}.{}").format(relation, Identifier(name))


def select(statement: Statement, relation: Identifier, query: Query, range_: Range) -> Composable:
    """The whole SELECT."""
    return SQL("select {} from {} {} {} {}").format(
        comma(_selected(statement, relation, item) for item in query.select),
        relation,
        where(statement, relation, query.where),
        _ordered(statement, relation, query.order),
        _limit(statement, range_),
    )


def where(
    statement: Statement, relation: Identifier, terms: Sequence[Filter | Logic]
) -> Composable:
    """The conditions, all of which must hold."""
    if not terms:
        return NOTHING
    conditions = (_term(statement, relation, term) for term in terms)
    return SQL("where {}").format(SQL(" and ").join(conditions))


def _limit(statement: Statement, range_: Range) -> Composable:
    if range_ == Range():
        return NOTHING
    limit = SQL("all") if range_.limit is None else statement.bind(str(range_.limit))
    return SQL("limit {} offset {}").format(limit, statement.bind(str(range_.offset)))


def _selected(statement: Statement, relation: Identifier, item: Selected) -> Composable:
    if item.field.name == "*":
        return SQL("{}.*").format(relation)
    value = _field(statement, relation, item.field)
    if item.cast:
        # Unquoted, for "bigint" is no type.
        value = SQL("cast({} as {})").format(value, raw(item.cast))
    return SQL("{} as {}").format(value, Identifier(item.alias or _label(item.field)))


def _label(field: Field) -> str:
    """The name of a column: with a path into JSON the last key that is no index."""
    keys = [key for _, key in field.path if not _is_index(key)]
    return keys[-1] if keys else field.name


def _is_index(key: str) -> bool:
    return key.lstrip("-").isdigit()


def _field(statement: Statement, relation: Identifier, field: Field) -> Composable:
    value = column(relation, field.name)
    if field.path:
        value = SQL("to_jsonb({})").format(value)
    for arrow, key in field.path:
        cast_ = SQL("::int") if _is_index(key) else NOTHING
        value = SQL("{}{}{}{}").format(value, raw(arrow), statement.bind(key), cast_)
    return value


def _ordered(statement: Statement, relation: Identifier, order: Sequence[Order]) -> Composable:
    if not order:
        return NOTHING
    terms = (
        SQL("{} {}").format(_field(statement, relation, term.field), raw(term.words))
        for term in order
    )
    return SQL("order by {}").format(comma(terms))


def _term(statement: Statement, relation: Identifier, term: Filter | Logic) -> Composable:
    if isinstance(term, Filter):
        condition = _filter(statement, relation, term)
    else:
        terms = (_term(statement, relation, part) for part in term.terms)
        condition = SQL("({})").format(raw(f" {term.operator} ").join(terms))
    return SQL("not {}").format(condition) if term.negated else condition


def _filter(statement: Statement, relation: Identifier, term: Filter) -> Composable:
    field = _field(statement, relation, term.field)
    if isinstance(term.value, tuple):
        return SQL("{} = any ({})").format(field, statement.bind(_array(term.value)))
    if term.operator == "is":
        return SQL("{} is {}").format(field, raw(term.value))
    has_stars = term.operator in ("like", "ilike")
    bound = statement.bind(term.value.replace("*", "%") if has_stars else term.value)
    quantified = SQL("{} ({})").format(raw(term.quantifier), bound) if term.quantifier else bound
    return SQL("{} {} {}").format(field, raw(OPERATORS[term.operator]), quantified)


def _array(values: Iterable[str]) -> str:
    quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + ",".join(quoted) + "}"
