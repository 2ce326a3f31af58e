"""What clients may send: the user's settings of the router with what they leave out."""

from eagleray.api.router import RouterCors
from eagleray.api.units import parse_duration
from eagleray.domain.actions.router_config import Cors
from eagleray.domain.facts.router_layout import REVISION_HEADER, VERSION_HEADER

REQUEST_ID_HEADER = "x-request-id"
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
# A browser asks before it sends JSON or a token: without these no page could ask a model.
HEADERS = ("authorization", "content-type", "x-api-key", REQUEST_ID_HEADER, REVISION_HEADER, VERSION_HEADER)
EXPOSED = (REQUEST_ID_HEADER, REVISION_HEADER, VERSION_HEADER)
MAX_AGE = "10m"


def cors(asked: RouterCors | None) -> Cors | None:
    """What pages of other origins may ask, or None where nobody says so."""
    if asked is None:
        return None
    return Cors(
        origins=tuple(asked.allow_origins),
        methods=tuple(asked.allow_methods or METHODS),
        headers=tuple(asked.allow_headers or HEADERS),
        exposed=tuple(asked.expose_headers or EXPOSED),
        credentials=bool(asked.allow_credentials),
        max_age=parse_duration(asked.max_age or MAX_AGE),
    )
