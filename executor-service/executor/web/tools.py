"""``/api/dummy-tools``: the stub that tool calls reach in stub mode. It does nothing, and says so."""

from __future__ import annotations

from executor.bootstrap import Services
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api("Dummy tool")


@api.operation(
    "POST",
    "/api/dummy-tools/{tool_id}",
    answers={200: "dummy-tool-answer"},
    role="operator",
    body="dummy-tool-call",
    request_headers=("Idempotency-Key",),
)
def call_dummy_tool(call: Call[Services], tool_id: str) -> Answer:
    """Stand in for a tool: takes any payload, changes nothing."""
    return Answer(
        {
            "stub": True,
            "tool_id": tool_id,
            "idempotency_key": call.headers.get("Idempotency-Key"),
            "detail": f"A stub took the call of {tool_id}; nothing was changed anywhere.",
        }
    )
