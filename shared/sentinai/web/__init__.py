"""The HTTP layer that both services share: operations, their OpenAPI document, problems, health, docs."""

from sentinai.web.operations import Answer, Api, Call, Operation

__all__ = ["Answer", "Api", "Call", "Operation"]
