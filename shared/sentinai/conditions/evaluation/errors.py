"""The one error that evaluation raises, whatever the library raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from sentinai.problems import Problem

T = TypeVar("T")


class EvaluationError(Exception):
    """A rule could not be evaluated for this data, so the playbook does not match. The message says why."""

    code: ClassVar[str] = "failed"


def wrap_errors(run: Callable[..., T], *given: Any) -> T:
    """What ``run`` returns.

    Raises:
        EvaluationError: ``run`` raised anything but a problem of the whole request.
    """
    try:
        return run(*given)
    except (EvaluationError, Problem):
        raise
    except RecursionError as error:
        raise EvaluationError("The data is nested too deeply.") from error
    except MemoryError as error:
        raise EvaluationError("The evaluation takes too much memory.") from error
    except Exception as error:
        raise EvaluationError(f"{type(error).__name__}: {str(error)[:200]}") from error
