"""Sign-in links for the console: short-lived tokens that work once."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from sentinai.identity import mint_token
from sentinai.settings import Settings

PURPOSE = "console-sign-in"
LINK_SECONDS = 900


def sign_in_link(settings: Settings, *, tenant: str, subject: str, roles: Iterable[str]) -> str:
    """A link that signs a person in to the console of a tenant: it works once and expires after 15 minutes.

    The token is in the fragment, which browsers do not send and servers do not log.
    """
    token = mint_token(
        settings,
        subject=subject,
        tenant_id=tenant,
        roles=roles,
        lifetime_seconds=LINK_SECONDS,
        jti=uuid4().hex,
        purpose=PURPOSE,
    )
    return f"{settings.executor_url}/console/sign-in#{token}"
