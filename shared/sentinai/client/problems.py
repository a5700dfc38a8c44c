"""What a call can end with other than an answer: one type of exception, told apart by code."""

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
    """A call that was refused, or that failed.

    ``code`` is the stable word for programs, from the table of error codes; ``status`` the HTTP status, None
    where no answer came; ``errors`` tell what is wrong with the input, each at its pointer. ``request_id`` finds
    the call in the service's log. ``document`` is the problem as it was answered, with members such as
    ``expected_step``.
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
    """There is no such object in this tenant."""


class Conflict(ApiProblem):
    """The object is not in the state that the call needs: look again, and decide again."""

    @property
    def expected_step(self) -> int | None:
        """The step whose turn it is, with ``step_not_current``."""
        return self.document.get("expected_step")


class ServiceUnavailable(ApiProblem):
    """The service cannot be reached or cannot do it now; ``retry_after`` seconds later it may."""


class UnusableAnswer(ApiProblem):
    """Something answered that is not the service, or not what it should answer."""


_BY_STATUS: Mapping[int, type[ApiProblem]] = {
    404: NotFound,
    409: Conflict,
    429: ServiceUnavailable,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServiceUnavailable,
}


def refusal(answer: Response, request_id: str) -> ApiProblem:
    """The exception for an answer that is no success."""
    status = answer.status_code
    kind = _BY_STATUS.get(status, ApiProblem)
    document = _problem_document(answer)
    if document is None:
        kind = kind if kind is ServiceUnavailable else UnusableAnswer
        document = _made_up(kind, f"It answered with status {status} and no problem document.")
    known = answer.headers.get("X-Request-ID", request_id)
    return kind(document, status=status, request_id=known, retry_after=retry_after(answer))


def unreachable(error: Exception, request_id: str) -> ServiceUnavailable:
    """The exception for no answer at all. Only the error's kind is told: its text may hold addresses."""
    document = _made_up(ServiceUnavailable, f"No answer came ({type(error).__name__}).")
    return ServiceUnavailable(document, status=None, request_id=request_id)


def unusable(answer: Response, detail: str, request_id: str) -> UnusableAnswer:
    """The exception for a success that cannot be read."""
    return UnusableAnswer(_made_up(UnusableAnswer, detail), status=answer.status_code, request_id=request_id)


def retry_after(answer: Response) -> float | None:
    """How many seconds the service wants waited for, where it says so in either form of RFC 9110."""
    header = answer.headers.get("Retry-After")
    try:
        return None if header is None else Retry().parse_retry_after(header)
    except InvalidHeader:
        return None


def _problem_document(answer: Response) -> Mapping[str, Any] | None:
    try:
        document: Mapping[str, Any] = strict_json.loads(answer.content)
    except MalformedJson:
        return None
    return None if check("problem", document) else document


def _made_up(kind: type[ApiProblem], detail: str) -> Mapping[str, Any]:
    """The members that every problem has, for one that the service did not write."""
    if kind is ServiceUnavailable:
        return {"code": "unreachable", "title": "The service cannot be reached", "detail": detail}
    return {"code": "unusable_answer", "title": "The answer cannot be used", "detail": detail}
