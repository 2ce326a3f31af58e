"""Where a candidate's requests go while none of its replicas answers: to another revision of its version, at once.

Routers find a dead replica within seconds, and the operator takes the share of what has none back only then; what a
share falls on meanwhile would be lost. Envoy's aggregate cluster is one cluster in front of others in order.
"""

from itertools import permutations
from typing import Any

from eagleray.domain.actions.router_config import RouterConfig, RouterTarget
from eagleray.router.budget import requests_at_once
from eagleray.router.limits import limits
from eagleray.router.xds import extension, typed

BETWEEN = "/"
# Where a cluster says which version it is of, and its endpoints which revision, for the headers of answers.
METADATA = "eagleray"
# A request is tried at a candidate twice, at another replica where there is one, before another revision is asked.
ATTEMPTS_AT_ONE = 2
_HOST = "xds.upstream_host_locality_metadata"
_ANSWERED = f"has({_HOST}) ? {_HOST}.filter_metadata.{METADATA}.revision"
# In Envoy's attributes (Common Expression Language): whose replica was asked; where none was, who should have been.
ANSWERED_BY = f"%CEL({_ANSWERED} : xds.cluster_metadata.filter_metadata.{METADATA}.revision)%"


def asked(target: RouterTarget) -> str:
    """Name of the cluster that a share of the target's is sent to."""
    return _name(target.revision, target.fallback) if target.fallback else target.revision


def failovers(config: RouterConfig) -> list[dict[str, Any]]:
    """A cluster for each pair of revisions of one version, in either order.

    Clusters and routes are separate files to Envoy: which of these are in use changes with the routes alone.
    """
    pairs = permutations(sorted(config.targets, key=lambda t: t.revision), 2)
    return [_failover(config, one, other) for one, other in pairs if one.version == other.version]


def another_revision() -> dict[str, Any]:
    """The part of a retry policy that goes on with the next revision."""
    priorities = extension(
        "envoy.retry_priorities.previous_priorities",
        "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
        update_frequency=ATTEMPTS_AT_ONE,
    )
    return {"retry_priority": priorities}


def _name(revision: str, fallback: str) -> str:
    # Names of one version's revisions differ in their last part; thousands of routes may carry this one.
    return f"{revision}{BETWEEN}{fallback.rpartition('-')[2]}"


def _failover(config: RouterConfig, one: RouterTarget, other: RouterTarget) -> dict[str, Any]:
    clusters = [one.revision, other.revision]
    return typed(
        "envoy.config.cluster.v3.Cluster",
        name=_name(*clusters),
        metadata={"filter_metadata": {METADATA: {"version": one.version, "revision": one.revision}}},
        connect_timeout="1s",
        lb_policy="CLUSTER_PROVIDED",
        common_lb_config={"healthy_panic_threshold": {"value": 0}},
        circuit_breakers={"thresholds": [limits("HIGH", requests_at_once(config, one))]},
        cluster_type=extension(
            "envoy.clusters.aggregate", "envoy.extensions.clusters.aggregate.v3.ClusterConfig", clusters=clusters
        ),
    )
