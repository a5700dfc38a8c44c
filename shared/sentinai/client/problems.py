"""The exceptions that a call can raise: refusals by the service, and failures to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requests import Response
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from sentinai.documents import strict_json
from sentinai.documents.schemas import check
from sentinai.problems import Finding, MalformedJson


class ApiProblem(Exception):
    """A call that was refused or failed.

    ``code`` is stable, from the table of error codes; ``status`` is the HTTP status, None if there was no
    response; ``errors`` are the findings about the input, each at its pointer. ``request_id`` finds the call in
    the service's log. ``document`` is the problem document, with members such as ``expected_step``.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        status: int | None,
        request_id: str | None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{document['code']}: {document['detail']}")
        self.document = document
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.code: str = document["code"]
        self.title: str = document["title"]
        self.detail: str = document["detail"]
        self.errors = tuple(
            Finding(each["pointer"], each["code"], each["message"], each.get("hint"))
            for each in document.get("errors", ())
        )


class NotFound(ApiProblem):
    """The resource does not exist in this tenant."""


class Conflict(ApiProblem):
    """The resource is not in the state that the call requires: read it again, then decide again."""

    @property
    def expected_step(self) -> int | None:
        """The current step, if the code is ``step_not_current``."""
        return self.document.get("expected_step")


class ServiceUnavailable(ApiProblem):
    """The service cannot be reached, or cannot answer now; retry after ``retry_after`` seconds, if given."""


class UnusableAnswer(ApiProblem):
    """The response is not one that the service gives; something else may be running at its URL."""


_BY_STATUS: Mapping[int, type[ApiProblem]] = {
    404: NotFound,
    409: Conflict,
    429: ServiceUnavailable,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServiceUnavailable,
}


def refused(response: Response, request_id: str) -> ApiProblem:
    """The exception for a response whose status is not a success."""
    status = response.status_code
    kind = _BY_STATUS.get(status, ApiProblem)
    document = _problem_document(response)
    if document is None:
        kind = kind if kind is ServiceUnavailable else UnusableAnswer
        document = _client_problem(kind, f"The response has status {status} and no problem document.")
    logged_id = response.headers.get("X-Request-ID", request_id)
    return kind(document, status=status, request_id=logged_id, retry_after=retry_after(response))


def unreachable(error: Exception, request_id: str) -> ServiceUnavailable:
    """The exception for a missing response. It names only the error's type: the text may contain addresses."""
    document = _client_problem(ServiceUnavailable, f"There was no response ({type(error).__name__}).")
    return ServiceUnavailable(document, status=None, request_id=request_id)


def unusable(response: Response, detail: str, request_id: str) -> UnusableAnswer:
    """The exception for a successful response with an invalid body."""
    document = _client_problem(UnusableAnswer, detail)
    return UnusableAnswer(document, status=response.status_code, request_id=request_id)


def retry_after(response: Response) -> float | None:
    """The seconds of a ``Retry-After`` header, in either form of RFC 9110; None without a valid one."""
    header = response.headers.get("Retry-After")
    try:
        return None if header is None else Retry().parse_retry_after(header)
    except InvalidHeader:
        return None


def _problem_document(response: Response) -> Mapping[str, Any] | None:
    try:
        document: Mapping[str, Any] = strict_json.loads(response.content)
    except MalformedJson:
        return None
    return None if check("problem", document) else document


def _client_problem(kind: type[ApiProblem], detail: str) -> Mapping[str, Any]:
    """The required members of a problem document, for a problem that the client itself found."""
    if kind is ServiceUnavailable:
        return {"code": "unreachable", "title": "Service unreachable", "detail": detail}
    return {"code": "unusable_answer", "title": "Unusable response", "detail": detail}
