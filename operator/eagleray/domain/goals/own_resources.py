"""What a container of the operator's may use: what spec says over what it needs by itself."""

from collections.abc import Mapping

from eagleray.api.placement import ResourceRequirements
from eagleray.api.units import parse_quantity


def over_own(asked: ResourceRequirements | None, own: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Requests and limits, as a container has them.

    Args:
        asked: what spec says.
        own: what the container has by itself; its limits give way to larger requests, and the other way.
    """
    given = {"requests": (asked and asked.requests) or {}, "limits": (asked and asked.limits) or {}}
    found = {kind: {**own[kind], **given[kind]} for kind in own}
    for name in found["requests"].keys() & found["limits"].keys():
        if parse_quantity(found["requests"][name]) > parse_quantity(found["limits"][name]):
            other = "limits" if name in given["requests"] else "requests"
            found[other][name] = found["requests" if other == "limits" else "limits"][name]
    return found
