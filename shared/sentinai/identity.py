"""Authentication: JSON Web Tokens in, an :class:`Identity` out.

The algorithm comes from the settings, never from the token; expiry, audience and issuer are required.
PyJWT does the cryptography.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt

from sentinai.problems import ActorMismatch, ExpiredToken, Forbidden, InvalidToken
from sentinai.settings import Settings, SettingsError, read_key

ACTOR_TYPES = ("human", "agent", "system")
_INCLUDES = {
    "viewer": {"viewer"},
    "operator": {"viewer", "operator"},
    "author": {"viewer", "author"},
    "admin": {"viewer", "operator", "author", "admin"},
}
ROLES = tuple(_INCLUDES)
LEAST_KEY_BYTES = 32
CLOCK_LEEWAY_SECONDS = 60
"""How far the clocks of whoever signs a token and whoever verifies it may differ."""
_LATEST = 253_402_300_800
"""The end of the year 9999, in seconds since the epoch."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}\Z")
_SUBJECT = re.compile(r"[\x20-\x7e]{1,128}\Z")


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller, as stated by the token; never by a request body."""

    subject: str
    tenant_id: str
    roles: frozenset[str]
    actor_type: str
    may_act_for: frozenset[str] = frozenset()
    token_id: str | None = None
    purpose: str | None = None
    expires_at: float = 0.0

    def has(self, role: str) -> bool:
        """Whether one of the caller's roles is, or includes, ``role``."""
        return any(role in _INCLUDES.get(own, ()) for own in self.roles)

    def require(self, role: str) -> None:
        """Require a role.

        Raises:
            Forbidden: the caller has no role that includes it.
        """
        if not self.has(role):
            own = ", ".join(sorted(self.roles)) or "no role"
            raise Forbidden(f"This operation requires the role {role}; the token has {own}.")

    def require_actor(self, actor_type: str, actor_id: str) -> None:
        """Require that the caller may act as the named actor: as itself, or as a type it ``may_act_for``.

        Raises:
            ActorMismatch: it may not.
        """
        if actor_type in self.may_act_for or (actor_type, actor_id) == (self.actor_type, self.subject):
            return
        raise ActorMismatch(
            f"The token is for {self.actor_type} {self.subject!r} and may not act as {actor_type} {actor_id!r}."
        )


def is_tenant_id(text: str) -> bool:
    """Whether the text is a valid tenant id: 1 to 128 letters, digits and ``._:@+-``."""
    return bool(_IDENTIFIER.match(text))


class TokenVerifier:
    """Verifies tokens with the key in the settings; without a key a service does not start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = _verification_keys(settings)
        self._decode = lru_cache(maxsize=4096)(self._decode_uncached)

    def verify(self, token: str, now: float | None = None, purpose: str | None = None) -> Identity:
        """The identity in a compact JWT. ``now`` is in seconds since the epoch.

        A token issued for a ``purpose``, such as a sign-in link, is valid for that purpose only.

        Raises:
            ExpiredToken: it has expired. InvalidToken: anything else is wrong with it.
        """
        identity = self._decode(token)
        if identity.purpose != purpose:
            raise InvalidToken("The token was issued for another purpose.")
        if identity.expires_at + CLOCK_LEEWAY_SECONDS <= (time.time() if now is None else now):
            raise ExpiredToken("The token has expired; get a new one.")
        return identity

    def _decode_uncached(self, token: str) -> Identity:
        try:
            claims = jwt.decode(
                token,
                self._key_for(token),
                algorithms=[self._settings.jwt_algorithm],
                audience=self._settings.jwt_audience,
                issuer=self._settings.jwt_issuer,
                leeway=CLOCK_LEEWAY_SECONDS,
                options={"require": ["exp", "aud", "iss", "sub"], "verify_exp": False},
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidToken(f"The token is invalid: {error}.") from error
        return _identity(claims)

    def _key_for(self, token: str) -> Any:
        if len(self._keys) == 1:
            return next(iter(self._keys.values()))
        kid = jwt.get_unverified_header(token).get("kid")
        if kid not in self._keys:
            raise InvalidToken("The token's key id (kid) is not in the configured key set.")
        return self._keys[kid]


def mint_token(
    settings: Settings,
    *,
    subject: str,
    tenant_id: str,
    roles: Iterable[str],
    actor_type: str = "human",
    may_act_for: Iterable[str] = (),
    lifetime_seconds: float = 3600,
    now: float | None = None,
    **claims: Any,
) -> str:
    """Sign a token with the shared key (HS256) or the private key (RS256, ES256).

    If the accepted keys come from a JWKS, the token names its key there (``kid``).

    Raises:
        SettingsError: no signing key is set, or its tokens would not be accepted.
    """
    issued = time.time() if now is None else now
    payload = {
        "sub": subject,
        "tenant_id": tenant_id,
        "roles": sorted(roles),
        "actor_type": actor_type,
        "may_act_for": sorted(may_act_for),
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "iat": int(issued),
        "exp": int(issued + lifetime_seconds),
        **claims,
    }
    key, key_id = _signing_key(settings)
    headers = None if key_id is None else {"kid": key_id}
    return jwt.encode(payload, key, algorithm=settings.jwt_algorithm, headers=headers)


def require_signing_key(settings: Settings) -> None:
    """Require a key to sign with, in processes that issue tokens.

    Raises:
        SettingsError: there is none, or its tokens would not be accepted.
    """
    _signing_key(settings)


def _signing_key(settings: Settings) -> tuple[Any, str | None]:
    """The key to sign with, and its id among the accepted keys if these have ids."""
    content = read_key(settings.jwt_key_file, "SENTINAI_JWT_KEY_FILE")
    if settings.jwt_algorithm == "HS256":
        if len(content.encode()) < LEAST_KEY_BYTES:
            raise SettingsError(f"SENTINAI_JWT_KEY_FILE: a shared key needs at least {LEAST_KEY_BYTES} bytes")
        return content, None
    private = _read_pem(content, settings.jwt_algorithm, "SENTINAI_JWT_KEY_FILE")
    if not hasattr(private, "public_key"):
        raise SettingsError("SENTINAI_JWT_KEY_FILE: this is a public key; signing requires the private key")
    public = private.public_key()
    for key_id, accepted in _verification_keys(settings).items():
        if accepted == public:
            return private, key_id
    raise SettingsError("SENTINAI_JWT_KEY_FILE: its public key is not in SENTINAI_JWT_PUBLIC_KEY_FILE")


def _verification_keys(settings: Settings) -> Mapping[str | None, Any]:
    if settings.jwt_algorithm == "HS256":
        key, _ = _signing_key(settings)
        return {None: key}
    content = read_key(settings.jwt_public_key_file, "SENTINAI_JWT_PUBLIC_KEY_FILE")
    if not content.startswith("{"):
        return {None: _read_pem(content, settings.jwt_algorithm, "SENTINAI_JWT_PUBLIC_KEY_FILE")}
    try:
        keys = jwt.PyJWKSet.from_dict(json.loads(content)).keys
    except (ValueError, jwt.PyJWTError) as error:
        raise SettingsError(f"SENTINAI_JWT_PUBLIC_KEY_FILE: not a JWKS ({error})") from error
    return {key.key_id: key.key for key in keys}


def _read_pem(content: str, algorithm: str, name: str) -> Any:
    try:
        return jwt.get_algorithm_by_name(algorithm).prepare_key(content)
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise SettingsError(f"{name}: not a PEM file with a key for {algorithm}") from error


def _identity(claims: Mapping[str, Any]) -> Identity:
    tenant, roles = claims.get("tenant_id"), claims.get("roles", [])
    actor_type, acts_for = claims.get("actor_type"), claims.get("may_act_for", [])
    if not isinstance(claims["sub"], str) or not _SUBJECT.match(claims["sub"]):
        raise InvalidToken("The token's sub must be 1 to 128 printable characters.")
    if not isinstance(tenant, str) or not is_tenant_id(tenant):
        raise InvalidToken("The token's tenant_id must be 1 to 128 letters, digits or ._:@+- signs.")
    if not _are_strings(roles) or not _are_strings(acts_for):
        raise InvalidToken("The token's roles and may_act_for must be lists of strings.")
    if actor_type not in ACTOR_TYPES:
        raise InvalidToken(f"The token's actor_type must be one of {', '.join(ACTOR_TYPES)}.")
    expires_at, token_id = claims["exp"], claims.get("jti")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not 0 <= expires_at < _LATEST:
        raise InvalidToken("The token's exp must be in seconds since the epoch.")
    if token_id is not None and not (isinstance(token_id, str) and _SUBJECT.match(token_id)):
        raise InvalidToken("The token's jti must be 1 to 128 printable characters.")
    return Identity(
        subject=claims["sub"],
        tenant_id=tenant,
        roles=frozenset(roles),
        actor_type=str(actor_type),
        may_act_for=frozenset(acts_for) & set(ACTOR_TYPES),
        token_id=token_id,
        purpose=claims.get("purpose"),
        expires_at=float(expires_at),
    )


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
