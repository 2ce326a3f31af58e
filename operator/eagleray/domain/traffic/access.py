"""Who is let in: the user's settings of the router as its Pods are told them."""

from eagleray.api.router import Router
from eagleray.domain.actions.access import Access


def access(asked: Router) -> Access:
    """Whom a router lets in, and by what it knows them."""
    keys = asked.auth.api_keys if asked.auth else None
    return Access(keys=keys.secret_name if keys else "")
