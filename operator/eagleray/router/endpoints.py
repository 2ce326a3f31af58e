"""Where the replicas of a revision may answer: one file for each, the bulk of a router's configuration.

The files are in protobuf's text format: as JSON the endpoints of two thousand Pods take 0.8 MB of a ConfigMap, which
holds 1 MiB, as text 0.6; and Envoy, which reads all files again at each change, needs no longer for it.
"""

from eagleray.domain.actions.router_config import RouterTarget
from eagleray.router.cache import Cache
from eagleray.router.failover import METADATA
from eagleray.router.xds import TYPES

_MOST = 2**32 - 1
CACHE_BYTES = 16 * 1024 * 1024
_ASSIGNMENT = "envoy.config.endpoint.v3.ClusterLoadAssignment"
_assignments: Cache[tuple[str, tuple[str, ...], tuple[int, ...]], str] = Cache(CACHE_BYTES, len)


def endpoints_file(target: RouterTarget) -> str:
    """Name of the file with the target's endpoints."""
    return f"eds-{target.revision}.pb_text"


def assignment(target: RouterTarget) -> str:
    """Every address x port where a replica of the target may answer, as Envoy's ClusterLoadAssignment."""
    key = (target.revision, target.addresses, target.ports)
    return _assignments.get(key, lambda: _assignment(*key))


def endpoints_text(version: str, assigned: str) -> str:
    """The file of one `assignment`, as Envoy's DiscoveryResponse."""
    return f"version_info:'{version}' resources{{[{TYPES}{_ASSIGNMENT}]{{{assigned}}}}}\n"


def _told(revision: str) -> str:
    """The metadata by which an answer tells its revision, wherever the request came from."""
    fields = f"fields{{key:'revision' value{{string_value:'{revision}'}}}}"
    return f"metadata{{filter_metadata{{key:'{METADATA}' value{{{fields}}}}}}}"


def _assignment(revision: str, addresses: tuple[str, ...], ports: tuple[int, ...]) -> str:
    # Single quotes: a manifest is JSON, where double ones are two bytes.
    heads = [f"{{endpoint{{address{{socket_address{{address:'{address}'" for address in sorted(set(addresses))]
    tails = [f",port_value:{port}}}}}}}}}" for port in sorted(set(ports))]
    endpoints = ",".join(head + tail for head in heads for tail in tails)
    if not endpoints:
        return f"cluster_name:'{revision}'"
    enough = _one_is_enough(len(heads) * len(tails))
    return f"cluster_name:'{revision}' policy{{{enough}}} endpoints{{{_told(revision)} lb_endpoints:[{endpoints}]}}"


def _one_is_enough(endpoints: int) -> str:
    """One endpoint that answers is a whole revision to what goes on to another one: at most ports nobody listens.

    Envoy multiplies this percentage by the number of healthy endpoints, in 32 bits.
    """
    return f"overprovisioning_factor{{value:{min(100 * endpoints, _MOST // endpoints)}}}"
