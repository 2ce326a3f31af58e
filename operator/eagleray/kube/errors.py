"""What the API server can answer instead of an object, as types."""


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
    """The object, or its kind, is not there (404)."""


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


_BY_STATUS: dict[int, type[KubeError]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    408: TransientError,
    409: ConflictError,
    410: TransientError,
    429: TransientError,
}


def error_for(status: int, reason: str, message: str) -> KubeError:
    """Choose the type of a failed answer.

    Args:
        status: HTTP status, 400 or above.
        reason: `Status.reason` of the body, "" where there is none.
        message: `Status.message` of the body, or the start of whatever came.
    """
    if status == 409 and reason == "AlreadyExists":
        kind: type[KubeError] = AlreadyExistsError
    elif status >= 500:
        kind = TransientError
    else:
        kind = _BY_STATUS.get(status, InvalidError)
    return kind(message, status=status, reason=reason)
