"""``/api/dummy-tools``: the stub that receives tool calls in stub mode. It changes nothing."""

from __future__ import annotations

from executor.bootstrap import Services
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api("Dummy tool", "A stub that stands in for any tool.")


@api.operation(
    "POST",
    "/api/dummy-tools/{tool_id}",
    answers={200: "dummy-tool-answer"},
    role="operator",
    body="dummy-tool-call",
    request_headers={"Idempotency-Key": "Identifies the call; returned in the answer."},
)
def call_dummy_tool(call: Call[Services], tool_id: str) -> Answer:
    """Receive a tool call in place of a real tool: accepts any payload, changes nothing."""
    return Answer(
        {
            "stub": True,
            "tool_id": tool_id,
            "idempotency_key": call.headers.get("Idempotency-Key"),
            "detail": f"Stub: the call to {tool_id} was accepted and nothing was changed.",
        }
    )
