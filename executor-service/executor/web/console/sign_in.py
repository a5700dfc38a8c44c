"""Signing in to the console: a sign-in link is exchanged, once, for a session."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete, insert

from executor.bootstrap import Services
from executor.store.tables import UsedTokenRow
from executor.web.console.links import PURPOSE
from sentinai.database.tenant_session import TenantSession
from sentinai.identity import CLOCK_LEEWAY_SECONDS, Identity, TokenVerifier, mint_token
from sentinai.problems import ExpiredToken, InvalidToken

_NEW_LINK = "create a new one with: executor token --console."


def session_token(services: Services, verifier: TokenVerifier, link_token: str) -> str:
    """The session token in exchange for the token of a sign-in link.

    Raises:
        InvalidToken: it is not valid, or was used before. ExpiredToken: it has expired.
    """
    try:
        identity = verifier.verify(link_token, purpose=PURPOSE)
    except ExpiredToken as error:
        raise ExpiredToken(f"This sign-in link has expired; {_NEW_LINK}") from error
    except InvalidToken as error:
        raise InvalidToken(f"This sign-in link is invalid or incomplete; {_NEW_LINK}") from error
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
        # Until no verifier accepts the link any more.
        "expires_at": datetime.fromtimestamp(identity.expires_at + CLOCK_LEEWAY_SECONDS, UTC),
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
        raise InvalidToken(f"This sign-in link has already been used; {_NEW_LINK}")
