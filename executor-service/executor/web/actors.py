"""The actor of a call: the token's own, or the one that the request names, if the token may act for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from executor.domain.model import Actor
from sentinai.documents.schemas import check
from sentinai.identity import Identity
from sentinai.problems import InvalidQuery

_HEADERS = {"actor_type": "X-Actor-Type", "actor_id": "X-Actor-Id"}
ACTOR_HEADERS = {
    _HEADERS["actor_type"]: "Who acts, if not the token's own actor: `human`, `agent` or `system`.",
    _HEADERS["actor_id"]: "The id of who acts; together with X-Actor-Type.",
}
"""The request headers of every operation that writes. A body that is a request may name the actor, too."""


def caller(identity: Identity) -> Actor:
    """The subject of the token, acting for itself."""
    return Actor(identity.actor_type, identity.subject, None)


def acting(identity: Identity, headers: Mapping[str, str], request: Mapping[str, Any] | None = None) -> Actor:
    """Who acts, with the calling service where that is another. What ``request`` names precedes the headers.

    Raises:
        ActorMismatch: the token may not act as this actor. InvalidQuery: the headers name no actor.
    """
    named = request if request and "actor_type" in request else _named_in(headers)
    if not named:
        return caller(identity)
    actor_type, actor_id = named["actor_type"], named["actor_id"]
    identity.require_actor(actor_type, actor_id)
    structlog.contextvars.bind_contextvars(actor_type=actor_type, actor_id=actor_id)
    is_self = (actor_type, actor_id) == (identity.actor_type, identity.subject)
    return Actor(actor_type, actor_id, None if is_self else identity.subject)


def _named_in(headers: Mapping[str, str]) -> dict[str, str]:
    named = {member: headers[name] for member, name in _HEADERS.items() if name in headers}
    found = check("actor-request", named)
    if found:
        findings = [replace(each, pointer=f"/header/{_HEADERS[each.pointer[1:]]}") for each in found]
        raise InvalidQuery(f"{findings[0].message} (at {findings[0].pointer})", findings=findings)
    return named
