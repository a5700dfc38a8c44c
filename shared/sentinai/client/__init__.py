"""A typed client of both services, for those who call them: an orchestration layer, a UI backend, the executor.

One method for each operation of the OpenAPI documents, named as there. See ``docs/playbooks-api.md``.
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
