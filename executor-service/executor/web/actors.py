"""Who acts in a call: the token's own identity, or the actor that the body names and the token covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.domain.model import Actor
from sentinai.identity import Identity


def caller(identity: Identity) -> Actor:
    """The token's holder, acting for itself."""
    return Actor(identity.actor_type, identity.subject, None)


def named_in(body: Mapping[str, Any], identity: Identity) -> Actor:
    """The actor that the body names; the calling service is kept beside it.

    Raises:
        ActorMismatch: the token may not act as that one.
    """
    actor_type, actor_id = body["actor_type"], body["actor_id"]
    identity.require_actor(actor_type, actor_id)
    is_self = (actor_type, actor_id) == (identity.actor_type, identity.subject)
    return Actor(actor_type, actor_id, None if is_self else identity.subject)
