"""How a question to a peer can fail, as types."""


class PeerError(Exception):
    """A peer gave no usable answer; the message is fit for a condition."""


class UnreachableError(PeerError):
    """No answer in time, a broken connection, or the peer is not ready: the same question may succeed later."""


class UnauthorizedError(PeerError):
    """The peer does not accept the token: it is not ours, or was made with another operator's key."""


class UnknownError(PeerError):
    """The peer answers, but knows no such application, deployment or node."""


class RejectedError(PeerError):
    """The peer refuses the question as it is; repeating it does not help."""


class HostileError(PeerError):
    """An answer that no well-meaning peer of this kind gives: too much, elsewhere, packed, or of a wrong type."""
