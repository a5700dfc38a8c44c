"""Statements that SQLAlchemy makes once and the driver is given as they are: for what is done with every call.

Text, types and dialect are SQLAlchemy's, and a fault is told as it tells one. Left out is what it does around
each execution (the statement looked up, a context, events, a result), which takes several times as long as
the database itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

T = TypeVar("T")
_Process = Callable[[Any], Any] | None


class CompiledStatement:
    """A statement made for one dialect; all of its values are ``bindparam``s, or known when it is made."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        made = statement.compile(dialect=dialect)
        assert isinstance(made, SQLCompiler)
        self._text = str(made)
        self._positional = made.positional
        names = made.positiontup if made.positional else list(made.params)
        self._binds = [(name, _binding(made.binds[name].type, dialect)) for name in names or ()]
        self._known = {name: made.params[name] for name in made.params if not made.binds[name].required}
        self._reads = _readings(statement, dialect) if isinstance(statement, Select) else []

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[list[Any]]:
        """The rows that a select finds, each as its columns' values."""
        parameters = self._parameters(values)
        found: list[tuple[Any, ...]] = execute_on_driver(
            connection, lambda cursor: cursor.execute(self._text, parameters).fetchall()
        )
        return [self._read(row) for row in found]

    def change(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Execute a statement that answers nothing; how many rows it was about."""
        parameters = self._parameters(values)
        changed: int = execute_on_driver(
            connection, lambda cursor: cursor.execute(self._text, parameters).rowcount
        )
        return changed

    def change_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute such a statement once for each of the rows."""
        parameters = [self._parameters(row) for row in rows]
        execute_on_driver(connection, lambda cursor: cursor.executemany(self._text, parameters))

    def _parameters(self, values: Mapping[str, Any]) -> Any:
        given = {**self._known, **values} if self._known else values
        if self._positional:
            return [process(given[name]) if process else given[name] for name, process in self._binds]
        return {name: process(given[name]) if process else given[name] for name, process in self._binds}

    def _read(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for place, process in self._reads:
            values[place] = process(values[place])
        return values


def _binding(kind: TypeEngine[Any], dialect: Dialect) -> _Process:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _readings(statement: Select[Any], dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
    """The columns whose values the driver does not give as they are, and what makes them so."""
    kinds = (column.type.dialect_impl(dialect) for column in statement.selected_columns)
    processes = ((place, kind.result_processor(dialect, None)) for place, kind in enumerate(kinds))
    return [(place, process) for place, process in processes if process]


def execute_on_driver(connection: Connection, work: Callable[[Any], T]) -> T:
    """What work with one of the driver's cursors comes to.

    Raises:
        DBAPIError: the driver's fault, as SQLAlchemy tells it; a connection that died of it is given up.
    """
    fault = connection.dialect.loaded_dbapi.Error
    try:
        return work(connection.connection.cursor())
    except fault as error:
        gone = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        told = DBAPIError.instance(
            None,
            None,
            error,
            fault,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=connection.dialect,
        )
        if gone:
            connection.invalidate(error)
        raise told from error
