"""The tables of exceptions, of the event logs, of the outbox and of used sign-in links."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from executor.domain.model import FINISHING_EVENTS
from executor.domain.recommendation import Recommendation
from sentinai.database.tables import Base, RowId, TenantOwned
from sentinai.documents import strict_json
from sentinai.exception_fields import STATUSES

_FINISHING = f"event_type IN {FINISHING_EVENTS}"
_STATUSES = f"status IN {STATUSES}"
WAITING = "status <> 'resolved' AND recalculation_failures = 0"
"""Exceptions that follow the catalogue: what is resolved needs no playbook, and what failed waits by itself."""


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of some rows only."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class JsonNumber(TypeDecorator[Any]):
    """A number stored exactly: as text on SQLite, whose JSON columns would convert large integers to doubles."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSON on PostgreSQL, text on SQLite."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else JSON(none_as_null=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """JSON text on SQLite; on PostgreSQL the JSON type serializes the number itself."""
        return json.dumps(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The number that was stored.

        Raises:
            ValueError: it is no number.
        """
        number = strict_json.loads_stored(value) if dialect.name == "sqlite" and value is not None else value
        if isinstance(number, bool) or not isinstance(number, int | float | None):
            raise ValueError("not a number")
        return number


class RecommendationJson(TypeDecorator[Recommendation]):
    """A recommendation as JSON; null for an empty one."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Recommendation | None, dialect: Dialect) -> Any:
        """The value for the JSON column."""
        return None if value is None or value == Recommendation() else value.to_json()

    def process_result_value(self, value: Any, dialect: Dialect) -> Recommendation:
        """The value of the JSON column."""
        return Recommendation() if value is None else Recommendation.from_json(value)


class ExceptionRow(TenantOwned, Base):
    """The current state of an exception: the fold of its events, and the matcher's last response.

    ``event_seq`` and ``event_hash`` are the end of its event chain, so that appending reads no events and a
    truncated log is detected.
    """

    __tablename__ = "exception"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
        ForeignKeyConstraint(
            ["tenant_id", "current_playbook_id"],
            ["playbook.tenant_id", "playbook.playbook_id"],
            name="fk_exception_current_playbook",
        ),
        CheckConstraint(_STATUSES, name="status"),
        Index("ix_exception_created", "tenant_id", "created_at", "exception_id"),
        Index("ix_exception_deadline", "tenant_id", "sla_deadline", "exception_id"),
        Index("ix_exception_playbook", "tenant_id", "current_playbook_id"),
        Index(
            "ix_exception_due",
            "tenant_id",
            "valid_until",
            sqlite_where=text("valid_until IS NOT NULL"),
            postgresql_where=text("valid_until IS NOT NULL"),
        ),
        _partial("ix_exception_due_tenants", "valid_until", "tenant_id", where="valid_until IS NOT NULL"),
        _partial("ix_exception_behind", "tenant_id", "catalogue_revision", where=WAITING),
    )

    exception_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    domain: Mapped[str] = mapped_column(String(128))
    exception_type: Mapped[str] = mapped_column(String(256))
    severity: Mapped[str | None] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(32))
    source_system: Mapped[str | None] = mapped_column(String(256))
    entity: Mapped[str | None] = mapped_column(String(512))
    amount: Mapped[Any | None] = mapped_column(JsonNumber)
    owner_kind: Mapped[str | None] = mapped_column(String(16))
    owner_id: Mapped[str | None] = mapped_column(String(128))
    sla_deadline: Mapped[datetime | None]
    normalized_context: Mapped[dict[str, Any]]
    current_playbook_id: Mapped[int | None] = mapped_column(RowId)
    current_step: Mapped[int | None]
    playbook_run: Mapped[int] = mapped_column(default=0)
    recommendation: Mapped[Any] = mapped_column(RecommendationJson, nullable=True)
    valid_until: Mapped[datetime | None]
    catalogue_revision: Mapped[int | None] = mapped_column(BigInteger, server_default="0")
    recalculation_failures: Mapped[int] = mapped_column(server_default="0")
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    event_seq: Mapped[int] = mapped_column(default=0)
    event_hash: Mapped[str] = mapped_column(String(64))


class ExceptionEventRow(TenantOwned, Base):
    """An event of an exception. Triggers reject UPDATE and DELETE.

    The unique index on finishing events ensures that a step is finished only once: a second transaction that
    finishes it cannot commit.
    """

    __tablename__ = "exception_event"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "exception_id"], ["exception.tenant_id", "exception.exception_id"]),
        UniqueConstraint("event_id"),
        Index(
            "uq_exception_event_finished_step",
            "tenant_id",
            "exception_id",
            "run",
            "step_order",
            unique=True,
            sqlite_where=text(_FINISHING),
            postgresql_where=text(_FINISHING),
        ),
        Index("ix_exception_event_run", "tenant_id", "exception_id", "run", "event_type"),
        Index("ix_exception_event_type", "tenant_id", "event_type", "created_at"),
    )

    exception_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(String(36))
    event_type: Mapped[str] = mapped_column(String(64))
    actor_type: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str] = mapped_column(String(128))
    payload: Mapped[dict[str, Any]]
    run: Mapped[int | None]
    step_order: Mapped[int | None]
    created_at: Mapped[datetime]
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class CatalogueEventRow(TenantOwned, Base):
    """An event of a tenant's catalogue; its end is in the tenant's row. Triggers reject UPDATE and DELETE."""

    __tablename__ = "catalogue_event"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
        UniqueConstraint("event_id"),
    )

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(String(36))
    event_type: Mapped[str] = mapped_column(String(64))
    actor_type: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str] = mapped_column(String(128))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class OutboxRow(TenantOwned, Base):
    """A message to deliver at least once, stored in the transaction of the events that caused it."""

    __tablename__ = "outbox"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "exception_id"], ["exception.tenant_id", "exception.exception_id"]),
        CheckConstraint("status IN ('pending', 'delivered', 'failed')", name="status"),
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index("ix_outbox_due", "tenant_id", "status", "next_attempt_at"),
        Index("ix_outbox_created", "tenant_id", "created_at", "outbox_id"),
        _partial(
            "ix_outbox_pending_tenants", "next_attempt_at", "tenant_id", "created_at", where="status = 'pending'"
        ),
        _partial("ix_outbox_delivered_tenants", "delivered_at", "tenant_id", where="status = 'delivered'"),
        _partial("ix_outbox_failed", "tenant_id", "created_at", "outbox_id", where="status = 'failed'"),
    )

    outbox_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    exception_id: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str] = mapped_column(String(256))
    status: Mapped[str] = mapped_column(String(16), default="pending")
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    requeued_at: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    event_id: Mapped[str | None] = mapped_column(String(36))


class UsedTokenRow(TenantOwned, Base):
    """A sign-in link that has been used. Each works once."""

    __tablename__ = "used_token"

    token_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime]
