"""The event that requested a delivery; null for deliveries that were stored before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("event_id", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "event_id")
