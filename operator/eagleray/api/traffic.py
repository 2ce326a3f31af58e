"""How requests are shared between versions. Typed now, working later."""

from pydantic import Field

from eagleray.api.base import ApiModel


class HeaderMatch(ApiModel):
    """A header and the value it must have."""

    name: str = Field(max_length=256)
    """Name of the header."""
    value: str = Field(max_length=4096)
    """Value of the header, compared whole."""


class TrafficRule(ApiModel):
    """Requests that go to one version whatever the weights are."""

    header: HeaderMatch
    """Header that the request carries."""
    version: str = Field(max_length=20)
    """Version that answers."""


class Sticky(ApiModel):
    """What keeps a caller on one version."""

    header: str | None = Field(None, max_length=256)
    """Header whose value picks the version."""
    cookie: str | None = Field(None, max_length=256)
    """Cookie that the router sets and whose value picks the version."""


class Mirror(ApiModel):
    """A version that gets copies of requests; its answers are thrown away."""

    version: str = Field(max_length=20)
    """Version that gets the copies."""
    percent: int = Field(ge=0, le=100)
    """Share of requests that is copied, in percent."""
    compare: bool | None = None
    """Whether its answers are compared with those that users got."""


class Traffic(ApiModel):
    """How requests are shared between versions."""

    rules: list[TrafficRule] | None = Field(None, max_length=16)
    """Requests that go to one version whatever the weights are; the first that fits counts."""
    sticky: Sticky | None = None
    """What keeps a caller on one version."""
    mirror: Mirror | None = None
    """A version that gets copies of requests."""
