"""``/api/deliveries``: what the outbox delivered, is delivering, and gave up."""

from __future__ import annotations

from executor.bootstrap import Services
from executor.store import deliveries
from executor.web.actors import ACTOR_HEADERS, acting
from executor.web.queries import DeliveriesQuery, left_out, paging
from sentinai.clock import parse_time
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api("Deliveries", "Notifications and tool calls on their way, delivered and given up.")
_Call = Call[Services]


@api.operation(
    "GET",
    "/api/deliveries",
    answers={200: "delivery-page"},
    role="admin",
    query=DeliveriesQuery,
    problems=(400,),
)
def list_deliveries(call: _Call) -> Answer:
    """List deliveries, newest first."""
    query = call.query
    with call.services.database.read(call.identity.tenant_id) as session:
        items, cursor, unreadable = deliveries.page(
            session,
            kind=query.get("kind"),
            status=query.get("status"),
            exception_id=query.get("exception_id"),
            webhook_id=query.get("webhook_id"),
            **paging(query),
        )
    return Answer({"items": items, "next_cursor": cursor, **left_out(unreadable)})


@api.operation(
    "POST",
    "/api/deliveries/{delivery_id}/redeliver",
    answers={202: "delivery"},
    role="admin",
    body="actor-request",
    body_optional=True,
    request_headers=ACTOR_HEADERS,
)
def redeliver(call: _Call, delivery_id: str) -> Answer:
    """Send a delivery again, under the same idempotency key."""
    acting(call.identity, call.headers, call.body)
    services = call.services
    document = services.database.write(
        call.identity.tenant_id, lambda session: deliveries.redeliver(session, delivery_id, services.clock())
    )
    return Answer(document, 202)


@api.operation(
    "POST",
    "/api/deliveries/redeliver",
    answers={202: "redelivery"},
    role="admin",
    body="redeliver-request",
    request_headers=ACTOR_HEADERS,
)
def redeliver_failed(call: _Call) -> Answer:
    """Send deliveries again that were given up, the oldest 1,000 of those created since an instant."""
    acting(call.identity, call.headers, call.body)
    since, now = parse_time(call.body["since"]), call.services.clock()
    queued = call.services.database.write(
        call.identity.tenant_id, lambda session: deliveries.redeliver_failed(session, now, since)
    )
    return Answer({"queued": queued}, 202)
