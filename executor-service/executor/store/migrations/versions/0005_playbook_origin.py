"""With which version a playbook got its conditions.

Null for versions that were stored before: they go on ranking by themselves, so the migration changes no choice.
"""

import sqlalchemy as sa
from alembic import op

from sentinai.database.tables import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("playbook", sa.Column("origin_id", ROW_ID, nullable=True))
    op.add_column("playbook", sa.Column("origin_created_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("playbook", "origin_created_at")
    op.drop_column("playbook", "origin_id")
