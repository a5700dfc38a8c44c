"""The one kind of error by which an evaluation fails, whatever the library raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class EvaluationError(Exception):
    """A rule could not be evaluated with this data; the playbook does not match. The message says why."""


def wrap_errors(run: Callable[..., T], *given: Any) -> T:
    """What ``run`` returns.

    Raises:
        EvaluationError: it raised.
    """
    try:
        return run(*given)
    except EvaluationError:
        raise
    except RecursionError as error:
        raise EvaluationError("The data is nested too deeply.") from error
    except MemoryError as error:
        raise EvaluationError("The evaluation takes too much memory.") from error
    except Exception as error:
        raise EvaluationError(f"{type(error).__name__}: {str(error)[:200]}") from error
