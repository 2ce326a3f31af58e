"""Whom the routers of one ModelDeployment let in, by what they know them, and what keeps others from listening."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Mounted:
    """What router Pods mount of the object's namespace.

    Attributes:
        kind: what it is.
        name: its name.
    """

    kind: Literal["Secret", "ConfigMap"]
    name: str

    def __str__(self) -> str:
        """Kind and name, for people."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS towards clients.

    Attributes:
        certificate: the certificate and its key.
        min_version: the oldest version that is spoken.
        client_ca: the authorities whose certificates clients must have, or None where they need none.
    """

    certificate: Mounted
    min_version: Literal["1.2", "1.3"] = "1.2"
    client_ca: Mounted | None = None


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens (JWT) are let in.

    Attributes:
        name: the tokens' `iss`.
        audiences: what their `aud` may be.
        keys: where its public keys are: mounted, or a URL.
        client: the claim that names the client.
    """

    name: str
    audiences: tuple[str, ...]
    keys: Mounted | str
    client: str = "sub"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Who of those that are known may ask.

    Attributes:
        clients: their names; any where none is given …
        claims: … and what their tokens say, each a claim and its value.
        versions: the versions that they may ask; any where none is given.
    """

    clients: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much clients may ask of one router Pod; what is 0 has no limit.

    Attributes:
        requests: of one client …
        per: … in so many seconds.
        connections: at one time, of all clients.
    """

    requests: int = 0
    per: float = 1.0
    connections: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask; whoever reaches the router where nothing is said.

    Attributes:
        keys: a key for each client, or None where nobody is known by a key.
        issuers: whose tokens are let in.
        public: paths that anybody may ask.
        tls: TLS towards clients, or None.
        allow: who of them may ask; everybody where none is given.
    """

    keys: Mounted | None = None
    issuers: tuple[Issuer, ...] = ()
    public: tuple[str, ...] = ()
    tls: Tls | None = None
    allow: tuple[Allowed, ...] = ()

    @property
    def known_by(self) -> tuple[str, ...]:
        """By what clients are known, for people; nothing where whoever reaches the router may ask."""
        ca = self.tls.client_ca if self.tls else None
        told = [f"the keys in {self.keys}"] if self.keys else []
        told += [f"tokens of {issuer.name}" for issuer in self.issuers]
        return (*told, f"certificates of {ca}") if ca else tuple(told)

    @property
    def guarded(self) -> bool:
        """Whether router Pods mount what belongs to others."""
        return self.keys is not None or bool(self.issuers) or self.tls is not None

    @property
    def names_clients(self) -> bool:
        """Whether clients have names."""
        return self.keys is not None or bool(self.issuers)
