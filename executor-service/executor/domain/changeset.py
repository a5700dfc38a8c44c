"""What one call is about to commit: the changed exception, its new events, its outbox messages.

Fields change only by emitting the event that says so, through the same fold that reads the log; so the
fields and the log agree by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from executor.domain import fold
from executor.domain.model import Actor, ExceptionRecord, NewEvent, OutboxMessage
from executor.domain.recommendation import Recommendation


@dataclass(frozen=True, slots=True)
class AddedEvent:
    """A new event and who caused it."""

    event: NewEvent
    actor: Actor

    @classmethod
    def by(cls, actor: Actor, event: NewEvent) -> AddedEvent:
        """The event with the service that called for the actor, if any."""
        if actor.called_by is None:
            return cls(event, actor)
        return cls(replace(event, payload={**event.payload, "called_by": actor.called_by}), actor)


class ChangeSet:
    """The changes of one call to one exception, by one actor, at one instant."""

    def __init__(self, record: ExceptionRecord, actor: Actor, now: datetime) -> None:
        self.stored = record
        self.record = record
        self.actor = actor
        self.now = now
        self.added_events: list[AddedEvent] = []
        self.messages: list[OutboxMessage] = []

    def add_event(self, event: NewEvent, actor: Actor | None = None) -> None:
        """Add an event, by the call's actor unless another is given, and apply it to the fields."""
        self.added_events.append(AddedEvent.by(actor or self.actor, event))
        self.record = fold.apply(self.record, event, self.now)

    def enqueue(self, *messages: OutboxMessage) -> None:
        """Add messages to be delivered once the call is committed."""
        self.messages.extend(messages)

    def cache_recommendation(self, recommendation: Recommendation, valid_until: datetime | None) -> None:
        """Keep the matcher's answer beside the fields; it is a cache, and not in the log."""
        self.record = replace(
            self.record,
            recommendation=recommendation,
            valid_until=valid_until,
            catalogue_revision=None if recommendation.deferred else recommendation.catalogue_revision or 0,
        )

    @property
    def changes_fields(self) -> bool:
        """Whether the exception's own fields change. A comment changes none, nor does another recommendation."""
        return fold.fields_of(self.record) != fold.fields_of(self.stored)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.added_events and not self.messages and self.record == self.stored
