"""What a router Pod makes of the files of its ConfigMap: as much of Envoy as decides who gets requests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from eagleray.domain.facts.router_layout import HOLDS_FILE

_DYNAMIC = ("lds.json", "cds.json", "rds.json", "ops.json")
_PREFIX = "eds-"
_VERSION = re.compile(r"version_info:'([^']*)'")
_ENDPOINT = re.compile(r"address:'([^']*)',port_value:(\d+)")
Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """One configuration.

    Attributes:
        version: that of its routes, clusters and listeners; "" where they differ.
        versions: by revision, that of its endpoints.
        split: who shares the requests that ask for nobody, in parts; empty where nobody answers.
        asked: by revision that has a share, whose replicas are asked in turn.
        unavailable: what is answered then.
        endpoints: by revision, where replicas may listen.
        holds: by revision on hold, how its requests wait.
        clusters: every revision that is defined.
    """

    version: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    split: tuple[tuple[str, int], ...] = ()
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unavailable: str = ""
    endpoints: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    holds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    clusters: frozenset[str] = frozenset()


def decode(files: Mapping[str, str]) -> Loaded:
    """Read the files.

    Raises:
        KeyError: Envoy would not start with these: a file, a field or a cluster that a share names is missing.
    """
    parsed = {name: orjson.loads(text) for name, text in files.items() if name.endswith(".json")}
    versions = {parsed[name]["version_info"] for name in _DYNAMIC}
    last = parsed["rds.json"]["resources"][0]["virtual_hosts"][0]["routes"][-1]
    shares = last.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
    order = {cluster["name"]: _order(cluster) for cluster in parsed["cds.json"]["resources"]}
    assignments = {_revision(name): text for name, text in files.items() if name.startswith(_PREFIX)}
    return Loaded(
        version=versions.pop() if len(versions) == 1 else "",
        versions={revision: _version(text) for revision, text in assignments.items()},
        split=tuple((order[share["name"]][0], share["weight"]) for share in shares),
        asked={order[share["name"]][0]: order[share["name"]] for share in shares},
        unavailable=last.get("direct_response", {}).get("body", {}).get("inline_string", ""),
        endpoints={revision: _endpoints(text) for revision, text in assignments.items()},
        holds=parsed.get(HOLDS_FILE, {}),
        clusters=frozenset(c["name"] for c in parsed["cds.json"]["resources"] if c.get("type") == "EDS"),
    )


def _order(cluster: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(cluster.get("cluster_type", {}).get("typed_config", {}).get("clusters", (cluster["name"],)))


def _revision(file: str) -> str:
    return file.removeprefix(_PREFIX).removesuffix(".pb_text")


def _version(assignment: str) -> str:
    found = _VERSION.match(assignment)
    assert found, "Envoy refuses an assignment without a version"
    return found[1]


def _endpoints(assignment: str) -> tuple[Endpoint, ...]:
    return tuple((address, int(port)) for address, port in _ENDPOINT.findall(assignment))
