"""The catalogue's tables: tenants, packs, playbooks and their steps. The executor writes, the matcher reads.

Tables are keyed by tenant first; every foreign key carries the tenant, so a row cannot point across.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An instant to the microsecond; aware and in UTC on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The value in UTC, since SQLite stores no offset."""
        if value is None:
            return None
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The stored value, timezone-aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonObject(TypeDecorator[dict[str, Any]]):
    """A JSON object, as text rather than binary: numbers are read as they were written, so hashes still match."""

    impl = JSON
    cache_ok = True

    def __init__(self, *, nullable: bool = False) -> None:
        super().__init__(none_as_null=True)
        self.nullable = nullable

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The stored object.

        Raises:
            ValueError: it is no object.
        """
        if not isinstance(value, dict) and not (self.nullable and value is None):
            raise ValueError("not a JSON object")
        return value


RowId = BigInteger().with_variant(Integer, "sqlite")
"""Row ids; SQLite generates them only for a column declared INTEGER."""


class Base(DeclarativeBase):
    """All tables of the product, with named constraints."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own protocol
        datetime: UtcDateTime,
        dict[str, Any]: JsonObject(),
    }


class TenantOwned:
    """Mixed into every table whose rows belong to one tenant; the filter of tenant sessions looks for it."""

    tenant_id: Mapped[str] = mapped_column(String(128), primary_key=True, sort_order=-1)


class TenantRow(TenantOwned, Base):
    """A tenant, and its catalogue revision, which every change to a playbook or a pack increments.

    ``event_seq`` and ``event_hash`` are the end of the log of these changes.
    """

    __tablename__ = "tenant"

    name: Mapped[str] = mapped_column(String(256))
    status: Mapped[str] = mapped_column(String(16), default="active")
    catalogue_revision: Mapped[int] = mapped_column(BigInteger, default=0)
    event_seq: Mapped[int] = mapped_column(server_default="0")
    event_hash: Mapped[str] = mapped_column(String(64), server_default="0" * 64)


class DomainPackRow(Base):
    """A version of a Domain Pack; shared by all tenants. The newest applies."""

    __tablename__ = "domain_pack"

    domain: Mapped[str] = mapped_column(String(128), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pack: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class PolicyPackRow(TenantOwned, Base):
    """A version of a tenant's Policy Pack. The newest applies."""

    __tablename__ = "policy_pack"
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),)

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pack: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class PlaybookRow(TenantOwned, Base):
    """A published version of a playbook; immutable except for its status.

    ``origin_id`` and ``origin_created_at`` are those of the version with which the playbook got these conditions;
    null for a version that got them itself.
    """

    __tablename__ = "playbook"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
        UniqueConstraint("tenant_id", "playbook_id"),
        UniqueConstraint("tenant_id", "name", "version"),
        CheckConstraint("status IN ('active', 'retired')", name="status"),
        Index("ix_playbook_tenant_id_status", "tenant_id", "status"),
    )

    tenant_id: Mapped[str] = mapped_column(String(128), sort_order=-1)
    playbook_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(256))
    version: Mapped[int]
    description: Mapped[str | None] = mapped_column(Text)
    conditions: Mapped[dict[str, Any]]
    on_completion: Mapped[dict[str, Any] | None] = mapped_column(JsonObject(nullable=True))
    status: Mapped[str] = mapped_column(String(16), default="active")
    created_at: Mapped[datetime]
    origin_id: Mapped[int | None] = mapped_column(RowId)
    origin_created_at: Mapped[datetime | None]


class PlaybookStepRow(TenantOwned, Base):
    """One step of a playbook version."""

    __tablename__ = "playbook_step"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "playbook_id"], ["playbook.tenant_id", "playbook.playbook_id"]),
        UniqueConstraint("tenant_id", "playbook_id", "step_order"),
    )

    tenant_id: Mapped[str] = mapped_column(String(128), sort_order=-1)
    step_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    playbook_id: Mapped[int] = mapped_column(RowId)
    step_order: Mapped[int]
    name: Mapped[str] = mapped_column(String(256))
    action_type: Mapped[str] = mapped_column(String(32))
    params: Mapped[dict[str, Any]]
    requires_approval: Mapped[bool]
    created_at: Mapped[datetime]


__all__ = [
    "Base",
    "DomainPackRow",
    "JsonObject",
    "PlaybookRow",
    "PlaybookStepRow",
    "PolicyPackRow",
    "RowId",
    "TenantOwned",
    "TenantRow",
    "UtcDateTime",
]
