"""Typed clients of both services, with a method for each operation of their OpenAPI documents.

See ``docs/playbooks-api.md`` for examples.
"""

from __future__ import annotations

from sentinai.client.executor import Actor, ExecutorClient
from sentinai.client.matcher import MatcherClient
from sentinai.client.problems import ApiProblem, Conflict, NotFound, ServiceUnavailable, UnusableAnswer
from sentinai.client.retry_policy import RetryPolicy

__all__ = [
    "Actor",
    "ApiProblem",
    "Conflict",
    "ExecutorClient",
    "MatcherClient",
    "NotFound",
    "RetryPolicy",
    "ServiceUnavailable",
    "UnusableAnswer",
]
