"""What the operator reports of a mirrored version's answers."""

from pydantic import Field

from eagleray.api.base import ApiModel, Timestamp


class MirrorSample(ApiModel):
    """A request that two versions answered differently."""

    at: Timestamp
    """When it was answered."""
    method: str = Field(max_length=32)
    """Its method."""
    url: str = Field(max_length=256)
    """Its path, shortened; the query only with `traffic.mirror.bodies`."""
    revision: str = Field(max_length=63)
    """Revision that answered the user; empty where the router itself did."""
    path: str = Field(max_length=128)
    """Where the answers differ first, such as `predictions[3]`."""
    user: str = Field(max_length=128)
    """What the user got there, shortened."""
    mirror: str = Field(max_length=128)
    """What the mirrored version said there, shortened."""
    request_body: str | None = Field(None, max_length=1024)
    """Beginning of the request's body; only with `traffic.mirror.bodies`, as the next two."""
    user_body: str | None = Field(None, max_length=1024)
    """Beginning of the user's answer."""
    mirror_body: str | None = Field(None, max_length=1024)
    """Beginning of the mirrored version's answer."""


class MirrorStatus(ApiModel):
    """How far the mirrored version agrees with what users got, since the present router Pods started."""

    version: str = Field(max_length=63)
    """Mirrored version."""
    revision: str = Field(max_length=63)
    """Mirrored revision; the figures are of it alone."""
    at: Timestamp
    """When the figures were read."""
    compared: int = Field(0, ge=0)
    """Answers that were compared."""
    agreed: int = Field(0, ge=0)
    """Those of them that said the same."""
    agreement: str | None = Field(None, max_length=8)
    """`90.0%`: the share that agreed; absent before the first."""
    failed: int = Field(0, ge=0)
    """Copies that no replica of it answered."""
    skipped: int = Field(0, ge=0)
    """Exchanges that could not be compared: too large, compressed, too many at a time, or broken off."""
    latency: str | None = Field(None, max_length=24)
    """`12.3ms`: mean time to the user's answer, over those compared, as the router saw it."""
    mirror_latency: str | None = Field(None, max_length=24)
    """The same of the mirrored version's answer; it has the way through the router on top."""
    samples: list[MirrorSample] | None = Field(None, max_length=5)
    """The last that differed, the latest first."""
