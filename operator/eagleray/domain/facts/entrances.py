"""What leads to the routers of one ModelDeployment from outside, as those say who carry it out."""

from dataclasses import dataclass
from typing import Literal

EntranceKind = Literal["Service", "Ingress", "HTTPRoute"]


@dataclass(frozen=True, slots=True)
class GatewayWord:
    """What one Gateway says of an HTTPRoute as it is now.

    Attributes:
        gateway: the Gateway, with its namespace and listener where the route names them.
        refusal: why it does not take the route, in its words; "" where it does.
    """

    gateway: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Entrance:
    """A child of the object that leads to its routers.

    Attributes:
        kind: its kind.
        uid: its uid.
        addresses: of a Service or an Ingress, the host names and addresses that it was given.
        words: of an HTTPRoute, what Gateways say of it; nothing of those that have not looked at it yet.
    """

    kind: EntranceKind
    uid: str
    addresses: tuple[str, ...] = ()
    words: tuple[GatewayWord, ...] = ()
