"""How a request to a Ray cluster can fail, as types."""


class RayError(Exception):
    """A request to a Ray cluster failed; the message is fit for a condition."""


class UnreachableError(RayError):
    """No answer in time, a broken connection, or Ray is not ready: the same request may succeed later."""


class UnauthorizedError(RayError):
    """The cluster does not accept the token: it is not ours, or was made with another operator's key."""


class NotFoundError(RayError):
    """The cluster answers, but knows no such application, deployment or node."""


class RejectedError(RayError):
    """The cluster refuses the request as it is; repeating it does not help."""
