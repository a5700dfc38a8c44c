"""The catalogue, exceptions, events and the outbox."""

import sqlalchemy as sa
from alembic import op

from sentinai.database.tables import UtcDateTime

JSON_TEXT = sa.JSON(none_as_null=True)
# In a JSON column SQLite would make a double of bare digits.
JSON_NUMBER = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TENANT_TABLES = (
    "playbook",
    "playbook_step",
    "policy_pack",
    "exception",
    "exception_event",
    "outbox",
    "used_token",
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_SET = "current_setting('sentinai.tenant_id', true)"


def upgrade() -> None:
    op.create_table(
        "domain_pack",
        sa.Column("domain", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pack", JSON_TEXT, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "version", name=op.f("pk_domain_pack")),
    )
    op.create_table(
        "tenant",
        sa.Column("tenant_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("catalogue_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant")),
    )
    op.create_table(
        "used_token",
        sa.Column("tenant_id", sa.String(length=128), nullable=False),
        sa.Column("token_id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "token_id", name=op.f("pk_used_token")),
    )
    op.create_table(
        "playbook",
        sa.Column("tenant_id", sa.String(length=128), nullable=False),
        sa.Column("playbook_id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("conditions", JSON_TEXT, nullable=False),
        sa.Column("on_completion", JSON_TEXT, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'retired')", name=op.f("ck_playbook_status")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_playbook_tenant")),
        sa.PrimaryKeyConstraint("playbook_id", name=op.f("pk_playbook")),
        sa.UniqueConstraint("tenant_id", "name", "version", name=op.f("uq_playbook_tenant_id_name_version")),
        sa.UniqueConstraint("tenant_id", "playbook_id", name=op.f("uq_playbook_tenant_id_playbook_id")),
    )
    op.create_index("ix_playbook_tenant_id_status", "playbook", ["tenant_id", "status"], unique=False)
    op.create_table(
        "policy_pack",
        sa.Column("tenant_id", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pack", JSON_TEXT, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_policy_pack_tenant")),
        sa.PrimaryKeyConstraint("tenant_id", "version", name=op.f("pk_policy_pack")),
    )
    op.create_table(
        "exception",
        sa.Column("tenant_id", sa.String(length=128), nullable=False),
        sa.Column("exception_id", sa.String(length=128), nullable=False),
        sa.Column("domain", sa.String(length=128), nullable=False),
        sa.Column("exception_type", sa.String(length=256), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("source_system", sa.String(length=256), nullable=True),
        sa.Column("entity", sa.String(length=512), nullable=True),
        sa.Column("amount", JSON_NUMBER, nullable=True),
        sa.Column("owner_kind", sa.String(length=16), nullable=True),
        sa.Column("owner_id", sa.String(length=128), nullable=True),
        sa.Column("sla_deadline", UtcDateTime(), nullable=True),
        sa.Column("normalized_context", JSON_TEXT, nullable=False),
        sa.Column("current_playbook_id", ROW_ID, nullable=True),
        sa.Column("current_step", sa.Integer(), nullable=True),
        sa.Column("playbook_run", sa.Integer(), nullable=False),
        sa.Column("recommendation", JSON_TEXT, nullable=True),
        sa.Column("valid_until", UtcDateTime(), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.Column("event_hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'analyzing', 'pending_review', 'escalated', 'resolved')",
            name=op.f("ck_exception_status"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "current_playbook_id"],
            ["playbook.tenant_id", "playbook.playbook_id"],
            name="fk_exception_current_playbook",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_exception_tenant")),
        sa.PrimaryKeyConstraint("tenant_id", "exception_id", name=op.f("pk_exception")),
    )
    op.create_index("ix_exception_created", "exception", ["tenant_id", "created_at", "exception_id"], unique=False)
    op.create_index(
        "ix_exception_deadline", "exception", ["tenant_id", "sla_deadline", "exception_id"], unique=False
    )
    op.create_index(
        "ix_exception_due",
        "exception",
        ["tenant_id", "valid_until"],
        unique=False,
        sqlite_where=sa.text("valid_until IS NOT NULL"),
        postgresql_where=sa.text("valid_until IS NOT NULL"),
    )
    op.create_index("ix_exception_playbook", "exception", ["tenant_id", "current_playbook_id"], unique=False)
    op.create_table(
        "playbook_step",
        sa.Column("tenant_id", sa.String(length=128), nullable=False),
        sa.Column("step_id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("playbook_id", ROW_ID, nullable=False),
        sa.Column("step_order", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("action_type", sa.String(length=32), nullable=False),
        sa.Column("params", JSON_TEXT, nullable=False),
        sa.Column("requires_approval", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "playbook_id"],
            ["playbook.tenant_id", "playbook.playbook_id"],
            name=op.f("fk_playbook_step_playbook"),
        ),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_playbook_step")),
        sa.UniqueConstraint(
            "tenant_id",
            "playbook_id",
            "step_order",
            name=op.f("uq_playbook_step_tenant_id_playbook_id_step_order"),
        ),
    )
    op.create_table(
        "exception_event",
        sa.Column("tenant_id", sa.String(length=128), nullable=False),
        sa.Column("exception_id", sa.String(length=128), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("actor_type", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.String(length=128), nullable=False),
        sa.Column("payload", JSON_TEXT, nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("step_order", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "exception_id"],
            ["exception.tenant_id", "exception.exception_id"],
            name=op.f("fk_exception_event_exception"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "exception_id", "seq", name=op.f("pk_exception_event")),
        sa.UniqueConstraint("event_id", name=op.f("uq_exception_event_event_id")),
    )
    op.create_index(
        "ix_exception_event_run",
        "exception_event",
        ["tenant_id", "exception_id", "run", "event_type"],
        unique=False,
    )
    op.create_index(
        "ix_exception_event_type", "exception_event", ["tenant_id", "event_type", "created_at"], unique=False
    )
    op.create_index(
        "uq_exception_event_finished_step",
        "exception_event",
        ["tenant_id", "exception_id", "run", "step_order"],
        unique=True,
        sqlite_where=sa.text("event_type IN ('PlaybookStepCompleted', 'PlaybookStepSkipped')"),
        postgresql_where=sa.text("event_type IN ('PlaybookStepCompleted', 'PlaybookStepSkipped')"),
    )
    op.create_table(
        "outbox",
        sa.Column("tenant_id", sa.String(length=128), nullable=False),
        sa.Column("outbox_id", sa.String(length=36), nullable=False),
        sa.Column("exception_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("payload", JSON_TEXT, nullable=False),
        sa.Column("idempotency_key", sa.String(length=256), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'failed')", name=op.f("ck_outbox_status")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "exception_id"],
            ["exception.tenant_id", "exception.exception_id"],
            name=op.f("fk_outbox_exception"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "outbox_id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name=op.f("uq_outbox_tenant_id_idempotency_key")),
    )
    op.create_index("ix_outbox_due", "outbox", ["tenant_id", "status", "next_attempt_at"], unique=False)
    _refuse_changes_to_events()
    _isolate_tenants()


def downgrade() -> None:
    for table in reversed(
        (
            "domain_pack",
            "tenant",
            "used_token",
            "policy_pack",
            "playbook",
            "playbook_step",
            "exception",
            "exception_event",
            "outbox",
        )
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _refuse_changes_to_events() -> None:
    """The log is append-only, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER exception_event_refuse_{change.lower()} BEFORE {change} ON exception_event "
                "BEGIN SELECT RAISE(ABORT, 'exception_event is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    op.execute(
        "CREATE TRIGGER exception_event_refuse_change BEFORE UPDATE OR DELETE ON exception_event "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER exception_event_refuse_truncate BEFORE TRUNCATE ON exception_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _isolate_tenants() -> None:
    """Row-level security, for the owner too: a transaction sees the tenant it was set to, and no other."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in (*TENANT_TABLES, "tenant"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table in TENANT_TABLES:
        op.execute(f"CREATE POLICY one_tenant ON {table} USING (tenant_id = {TENANT_SET})")
    # The list of tenants is needed before one is chosen: by the worker, and to raise every revision.
    op.execute(
        f"CREATE POLICY one_tenant_or_none_set ON tenant "
        f"USING (tenant_id = {TENANT_SET} OR coalesce({TENANT_SET}, '') = '')"
    )
