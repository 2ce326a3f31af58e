"""What a router Pod makes of the files of its ConfigMap: as much of Envoy as decides who gets requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from eagleray.domain.traffic.router import HOLDS_FILE

_DYNAMIC = ("lds.json", "cds.json", "rds.json", "ops.json")
Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """One configuration.

    Attributes:
        version: that of its routes, clusters and listeners; "" where they differ.
        versions: by revision, that of its endpoints.
        split: who shares the requests that ask for nobody, in parts; empty where nobody answers.
        unavailable: what is answered then.
        endpoints: by revision, where replicas may listen.
        holds: by revision on hold, how its requests wait.
        clusters: every revision that is defined.
    """

    version: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    split: tuple[tuple[str, int], ...] = ()
    unavailable: str = ""
    endpoints: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    holds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    clusters: frozenset[str] = frozenset()


def decode(files: Mapping[str, str]) -> Loaded:
    """Read the files.

    Raises:
        KeyError: Envoy would not start with these: a file or a field is missing.
    """
    parsed = {name: orjson.loads(text) for name, text in files.items()}
    versions = {parsed[name]["version_info"] for name in _DYNAMIC}
    last = parsed["rds.json"]["resources"][0]["virtual_hosts"][0]["routes"][-1]
    shares = last.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
    assignments = {name: body for name, body in parsed.items() if name.startswith("eds-")}
    return Loaded(
        version=versions.pop() if len(versions) == 1 else "",
        versions={_revision(name): body["version_info"] for name, body in assignments.items()},
        split=tuple((share["name"], share["weight"]) for share in shares),
        unavailable=last.get("direct_response", {}).get("body", {}).get("inline_string", ""),
        endpoints={_revision(name): _endpoints(body) for name, body in assignments.items()},
        holds=parsed.get(HOLDS_FILE, {}),
        clusters=frozenset(c["name"] for c in parsed["cds.json"]["resources"] if c.get("type") == "EDS"),
    )


def _revision(file: str) -> str:
    return file.removeprefix("eds-").removesuffix(".json")


def _endpoints(assignment: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    found = []
    for locality in assignment["resources"][0]["endpoints"]:
        for each in locality["lb_endpoints"]:
            place = each["endpoint"]["address"]["socket_address"]
            found.append((place["address"], place["port_value"]))
    return tuple(found)
