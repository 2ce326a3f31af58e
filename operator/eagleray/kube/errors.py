"""What the API server can answer instead of an object, as types."""

from collections.abc import Mapping
from typing import Any

from eagleray.kube.kinds import Ref


class KubeError(Exception):
    """A request to the API server failed.

    Attributes:
        status: HTTP status; 0 where no answer came.
        reason: Kubernetes' word for it, as in `Status.reason`.
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFoundError(KubeError):
    """The object that was asked for is not there: the API server said so of this very object (404, NotFound)."""


class AlreadyExistsError(KubeError):
    """Somebody created an object of this name before (409, AlreadyExists)."""


class ConflictError(KubeError):
    """The object changed since it was read, a precondition failed, or another manager owns a field (409)."""


class ForbiddenError(KubeError):
    """The operator may not do this (401, 403): RBAC, admission or a quota; the message says which."""


class InvalidError(KubeError):
    """The API server refused the request as nonsense (every other 4xx); the message names the field."""


class TransientError(KubeError):
    """No answer in time, a broken connection, a 5xx or a 429: the same request may well succeed later."""


class NotServedError(TransientError):
    """The place was not found, which says nothing of the object (any other 404).

    Its kind's version is not served now, its namespace is gone, or something in front of the API server answered.
    """


_BY_STATUS: dict[int, type[KubeError]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotServedError,
    408: TransientError,
    409: ConflictError,
    410: TransientError,
    429: TransientError,
}


def error_for(status: int, answer: Mapping[str, Any], message: str, asked: Ref | None = None) -> KubeError:
    """Choose the type of a failed answer.

    Args:
        status: HTTP status, 400 or above.
        answer: the body: a Status, or whatever came.
        message: what is to be told.
        asked: the object that was asked for, where it was one.
    """
    reason = str(answer.get("reason") or "")
    if status == 404 and asked is not None and _is_missing(answer, asked):
        kind: type[KubeError] = NotFoundError
    elif status == 409 and reason == "AlreadyExists":
        kind = AlreadyExistsError
    elif status >= 500:
        kind = TransientError
    else:
        kind = _BY_STATUS.get(status, InvalidError)
    return kind(message, status=status, reason=reason)


def _is_missing(answer: Mapping[str, Any], asked: Ref) -> bool:
    details = answer.get("details")
    named = isinstance(details, dict) and (details.get("name"), details.get("kind")) == (asked.name, asked.kind.plural)
    return named and answer.get("kind") == "Status" and answer.get("reason") == "NotFound"
