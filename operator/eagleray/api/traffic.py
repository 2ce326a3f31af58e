"""How requests are shared between versions."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from eagleray.api.base import ApiModel, Rule, matches
from eagleray.api.regex import program_size

HEADER_NAME = matches("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", "write the name of an HTTP header or cookie, such as x-user-id")
Name = Annotated[str, Field(max_length=256), HEADER_NAME]
VersionName = Annotated[str, Field(max_length=20)]
# A router compiles a rule for each way in which its requests may go on, a dozen at most, and takes half a KiB for each
# instruction.
MAX_PROGRAM_SIZE = 4000


def _given(match: "ValueMatch") -> int:
    return sum(v is not None for v in (match.value, match.prefix, match.regex))


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


# CEL has no test for a regular expression; one that is none makes the rule itself fail, which refuses the object too.
REGEX = Rule(
    "''.matches(self) || !''.matches(self)",
    "write a regular expression as RE2 reads it, such as ^de-.*",
    python=_compiles,
)
# A first fence, since CEL cannot count what is within; `Traffic` adds up all that routers have to compile.
REPETITIONS = Rule(
    "!self.matches('[{][0-9]*,?[0-9]{3}')",
    "a repetition of 100 times and more takes routers long to compile; write at most {99}, or *",
    python=lambda pattern: re.search("[{][0-9]*,?[0-9]{3}", pattern) is None,
)


class ValueMatch(ApiModel):
    """A header or a query parameter, and what it must say."""

    cel_rules = (
        Rule(
            "[has(self.value), has(self.prefix), has(self.regex)].exists_one(given, given)",
            "write exactly one of value (the whole), prefix (its beginning) and regex (RE2, the whole)",
            python=lambda match: _given(match) == 1,
        ),
    )

    name: Name
    """Name of the header, in any case, or of the query parameter."""
    value: str | None = Field(None, max_length=1024)
    """The whole value."""
    prefix: str | None = Field(None, min_length=1, max_length=1024)
    """The beginning of the value."""
    regex: Annotated[str, Field(max_length=1024), REGEX, REPETITIONS] | None = None
    """A regular expression (RE2) that the whole value must match."""


class TrafficRule(ApiModel):
    """Requests that go to one version whatever the weights are."""

    cel_rules = (
        Rule(
            "has(self.header) != has(self.query)",
            "write header or query, one in each rule",
            python=lambda rule: (rule.header is None) != (rule.query is None),
        ),
    )

    header: ValueMatch | None = None
    """Header that the request carries; several of one name are joined by commas."""
    query: ValueMatch | None = None
    """Query parameter that the request carries, its name and value as they stand in the URL: percent-encoded, `+` is
    no space, and the first of several counts."""
    version: VersionName
    """Version that answers."""

    @property
    def program_size(self) -> int:
        """Instructions of what a router compiles of it, about."""
        match = self.header or self.query
        return program_size(match.regex) if match and match.regex else 0


class Sticky(ApiModel):
    """What keeps a caller on one version."""

    cel_rules = (
        Rule(
            "has(self.header) != has(self.cookie)",
            "write header or cookie: what tells one caller from another",
            python=lambda sticky: (sticky.header is None) != (sticky.cookie is None),
        ),
    )

    header: Name | None = None
    """Header whose value picks the version; a request without it is shared by weight alone."""
    cookie: Name | None = None
    """Cookie whose value picks the version; the router sets it, to the request's `x-request-id`, where there is
    none."""


class Tolerance(ApiModel):
    """How far apart two numbers may be and count as the same; the larger allowance counts."""

    relative: float | None = Field(None, ge=0, le=1)
    """Share of the larger number; 0.000001 where it is left out."""
    absolute: float | None = Field(None, ge=0)
    """A number; 0.000000001 where it is left out."""


class Mirror(ApiModel):
    """A version that gets copies of requests; its answers never reach a user.

    Copied are requests that are shared by weight: none that chose its version, no WebSocket, and no body above 960 KiB.
    A copy carries the header `x-eagleray-mirror: true`.
    """

    cel_rules = (
        Rule(
            "!(has(self.tolerance) || has(self.bodies)) || (has(self.compare) && self.compare)",
            "tolerance and bodies belong to a comparison; write compare: true, or leave them out",
            python=lambda mirror: bool(mirror.compare) or (mirror.tolerance is None and mirror.bodies is None),
        ),
    )

    version: VersionName
    """Version that gets the copies; its candidate does as long as that has no requests of its own."""
    percent: int = Field(ge=1, le=100)
    """Share of requests that is copied, in percent."""
    compare: bool | None = None
    """Whether its answers are compared with those that users got: status, and the predictions or all of the JSON. Then
    only requests are copied that say the length of their body, and each when its user has been answered."""
    tolerance: Tolerance | None = None
    """How far apart two numbers may be that count as the same; two whole numbers must be equal."""
    bodies: bool | None = None
    """Whether the differing samples in status show the beginnings of bodies and the query: they may be personal."""


class Traffic(ApiModel):
    """How requests are shared between versions."""

    @model_validator(mode="after")
    def _check_rules_together(self) -> Self:
        size = sum(rule.program_size for rule in self.rules or ())
        if size > MAX_PROGRAM_SIZE:
            raise ValueError(
                f"rules: their regular expressions take {size} instructions, of at most {MAX_PROGRAM_SIZE} together;"
                " write value or prefix, or fewer and shorter repetitions"
            )
        return self

    rules: list[TrafficRule] | None = Field(None, max_length=16)
    """Requests that go to one version whatever the weights are; the first that fits counts."""
    sticky: Sticky | None = None
    """What keeps a caller on one version while the weights stay as they are."""
    mirror: Mirror | None = None
    """A version that gets copies of requests."""
    version_header: Literal["Enabled", "Disabled"] | None = None
    """Whether a request may choose its version with the header `x-eagleray-version`, and a revision with
    `x-eagleray-revision`; `Enabled` where it is left out. A change replaces the router's Pods."""
    answer_headers: Literal["Enabled", "Disabled"] | None = None
    """Whether answers name the version and the revision that gave them; `Enabled` where it is left out."""
