"""The actor of a call: the token's subject, or the actor named in the body, if the token may act for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.domain.model import Actor
from sentinai.identity import Identity


def caller(identity: Identity) -> Actor:
    """The subject of the token, acting for itself."""
    return Actor(identity.actor_type, identity.subject, None)


def named_in(body: Mapping[str, Any], identity: Identity) -> Actor:
    """The actor named in the body, with the calling service where that is another.

    Raises:
        ActorMismatch: the token may not act as this actor.
    """
    actor_type, actor_id = body["actor_type"], body["actor_id"]
    identity.require_actor(actor_type, actor_id)
    is_self = (actor_type, actor_id) == (identity.actor_type, identity.subject)
    return Actor(actor_type, actor_id, None if is_self else identity.subject)
