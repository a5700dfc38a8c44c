"""Signing in to the console: a link works once, and becomes a session."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete, insert

from executor.bootstrap import Services
from executor.store.tables import UsedTokenRow
from executor.web.console.links import PURPOSE
from sentinai.database.tenant_session import TenantSession
from sentinai.identity import Identity, TokenVerifier, mint_token
from sentinai.problems import ExpiredToken, InvalidToken

_AGAIN = "mint another with: executor token --console."


def session_token(services: Services, verifier: TokenVerifier, link_token: str) -> str:
    """The session token for a sign-in link's token.

    Raises:
        InvalidToken: it is none, or was used. ExpiredToken: it is too old.
    """
    try:
        identity = verifier.verify(link_token, purpose=PURPOSE)
    except ExpiredToken as refused:
        raise ExpiredToken(f"This sign-in link is older than a quarter of an hour; {_AGAIN}") from refused
    except InvalidToken as refused:
        raise InvalidToken(f"This is no sign-in link, or not the whole of one; {_AGAIN}") from refused
    _use_once(services, identity)
    return mint_token(
        services.settings,
        subject=identity.subject,
        tenant_id=identity.tenant_id,
        roles=identity.roles,
        actor_type=identity.actor_type,
        lifetime_seconds=services.settings.session_hours * 3600,
    )


def _use_once(services: Services, identity: Identity) -> None:
    now = services.clock()
    key = (identity.tenant_id, identity.token_id)
    row = {
        "tenant_id": identity.tenant_id,
        "token_id": identity.token_id,
        "expires_at": datetime.fromtimestamp(identity.expires_at, UTC),
    }

    def work(session: TenantSession) -> bool:
        session.execute(
            delete(UsedTokenRow).where(UsedTokenRow.expires_at < now),
            execution_options={"synchronize_session": False},
        )
        if session.get(UsedTokenRow, key) is not None:
            return False
        session.execute(insert(UsedTokenRow), [row])
        return True

    if not identity.token_id or not services.database.write(identity.tenant_id, work):
        raise InvalidToken(f"This sign-in link was used already; {_AGAIN}")
