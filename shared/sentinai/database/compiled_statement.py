"""Statements that SQLAlchemy compiles once and that are then executed on the driver directly.

Text, types, dialect and errors are SQLAlchemy's. What it does around each execution (cache look-up, execution
context, events, result) is left out: in short transactions that takes several times as long as the database.
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
    """A statement for one dialect; its values are ``bindparam``s, or known when it is compiled."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self._text = str(compiled)
        self._positional = compiled.positional
        names = compiled.positiontup if compiled.positional else list(compiled.params)
        self._binds = [(name, _bind_processor(compiled.binds[name].type, dialect)) for name in names or ()]
        self._constants = {
            name: value for name, value in compiled.params.items() if not compiled.binds[name].required
        }
        self._processors = _result_processors(statement, dialect) if isinstance(statement, Select) else []

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[list[Any]]:
        """The rows of a select, each as the values of its columns."""
        parameters = self._parameters(values)
        found: list[tuple[Any, ...]] = execute_on_driver(
            connection, lambda cursor: cursor.execute(self._text, parameters).fetchall()
        )
        return [self._read(row) for row in found]

    def change(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Execute an insert, update or delete; returns the number of affected rows."""
        parameters = self._parameters(values)
        changed: int = execute_on_driver(
            connection, lambda cursor: cursor.execute(self._text, parameters).rowcount
        )
        return changed

    def change_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute an insert, update or delete once for each of the rows."""
        parameters = [self._parameters(row) for row in rows]
        execute_on_driver(connection, lambda cursor: cursor.executemany(self._text, parameters))

    def _parameters(self, values: Mapping[str, Any]) -> Any:
        given = {**self._constants, **values} if self._constants else values
        if self._positional:
            return [process(given[name]) if process else given[name] for name, process in self._binds]
        return {name: process(given[name]) if process else given[name] for name, process in self._binds}

    def _read(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for place, process in self._processors:
            values[place] = process(values[place])
        return values


def _bind_processor(kind: TypeEngine[Any], dialect: Dialect) -> _Process:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _result_processors(statement: Select[Any], dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
    """The positions of the columns whose values must be converted, with the conversions."""
    kinds = (column.type.dialect_impl(dialect) for column in statement.selected_columns)
    processes = ((place, kind.result_processor(dialect, None)) for place, kind in enumerate(kinds))
    return [(place, process) for place, process in processes if process]


def execute_on_driver(connection: Connection, work: Callable[[Any], T]) -> T:
    """The result of ``work`` with a cursor of the driver.

    Raises:
        DBAPIError: the driver's error, as SQLAlchemy raises it; a connection that it broke is invalidated.
    """
    driver_error = connection.dialect.loaded_dbapi.Error
    try:
        return work(connection.connection.cursor())
    except driver_error as error:
        is_disconnect = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        raised = DBAPIError.instance(
            None,
            None,
            error,
            driver_error,
            hide_parameters=True,
            connection_invalidated=is_disconnect,
            dialect=connection.dialect,
        )
        if is_disconnect:
            connection.invalidate(error)
        raise raised from error
