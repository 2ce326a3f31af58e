"""The environment of the Ray containers: what Ray 2.60 is told beside its command line, and why."""

from collections.abc import Mapping
from typing import Any

from eagleray.domain.facts.ports import REPLICA_FIRST, replica_ports
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.goals.revision import Revision
from eagleray.resources.names import secret_name
from eagleray.resources.secret import TOKEN_KEY

# A replica that is asked to stop answers 503 to health checks at once, and goes on serving for this long: the router,
# which checks each second, is sure to have seen it.
MIN_DRAIN_SECONDS = 5
# How long a replica may finish its requests in: as long as a request may take by default.
GRACEFUL_SHUTDOWN_SECONDS = 60
# How long a worker that is deleted waits until its replicas have moved. Serve begins to stop them this early that they
# can finish; what is left, half a minute, is for their replacements to start elsewhere. A worker whose head is gone
# waits, and serves, for all of it.
NODE_DRAIN_SECONDS = GRACEFUL_SHUTDOWN_SECONDS + 30
# A worker goes on serving without its head for this long. The operator builds a new cluster in the meantime; only a
# worker that nobody looks after any more gives up by itself.
HEADLESS_SECONDS = 7 * 24 * 3600
# How often, every two seconds, a worker asks for its head before it gives up: Ray's 20 are too few for a head on a
# busy node, or one whose image is still being pulled.
HEAD_LOOKUPS = 300
# Replicas listen without SO_REUSEADDR: a port can be bound again only when the kernel's TIME_WAIT (60 s) is over. Ray
# takes a port that it cannot bind out of use for good, so it has to keep a freed one back for longer than that.
PORT_QUARANTINE_SECONDS = 65
# Near the container's limit Ray kills the largest replica and says why; the kernel may be first, and says nothing to
# Serve. Ray's 250 ms are too slow for a model that is just being loaded. Without a limit Ray would watch the whole
# node, and kill every replica there when others fill the node.
MEMORY_MONITOR_MS = 50
# Where the model server computes: on a GPU that was asked for, or not at all.
_DEVICE = "EAGLERAY_DEVICE"
_GPU_VENDORS = ("nvidia.com", "amd.com")
TMP = "/tmp"  # noqa: S108 -- a volume of the Pod's own

_COMMON: Mapping[str, str] = {
    "HOME": TMP,
    "TMPDIR": TMP,
    "RAY_USAGE_STATS_ENABLED": "0",
    # Replicas listen themselves (docs/adr/0002-direct-ingress.md): no proxy and no HAProxy on the workers.
    "RAY_SERVE_ENABLE_HA_PROXY": "0",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(MIN_DRAIN_SECONDS),
    "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": str(MIN_DRAIN_SECONDS),
    "RAY_SERVE_PORT_QUARANTINE_S": str(PORT_QUARANTINE_SECONDS),
    # The built application (110 KB) stays in the controller's memory; in the object store of the worker that built it,
    # it would keep that worker from ever being idle.
    "RAY_max_direct_call_object_size": "1048576",
    # A lost node is noticed after seconds, not after a minute; five misses, as nodes may be short of CPU.
    "RAY_health_check_initial_delay_ms": "5000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "5",
}


def head_env(revision: Revision) -> list[dict[str, Any]]:
    """Build the environment of a head: the user's variables too, as Serve imports applications there."""
    # A head has nothing to drain: its controller never ends, and would only hold the Pod's end up.
    return _env(revision, {"RAY_NODE_TYPE_NAME": "head", "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0"})


def worker_env(revision: Revision, group: WorkerGroup, *, memory_limited: bool) -> list[dict[str, Any]]:
    """Build the environment of a worker.

    Args:
        revision: the revision.
        group: its worker group.
        memory_limited: whether the container has a memory limit.
    """
    own = {
        "RAY_NODE_TYPE_NAME": "worker",
        # Whoever asks a replica is a router, which says by X-Forwarded-* who asked it, and whether by https.
        "FORWARDED_ALLOW_IPS": "*",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(NODE_DRAIN_SECONDS),
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(HEADLESS_SECONDS),
        "RAY_NUM_REDIS_GET_RETRIES": str(HEAD_LOOKUPS),
        "RAY_memory_monitor_refresh_ms": str(MEMORY_MONITOR_MS if memory_limited else 0),
    }
    return _env(revision, own | _device(revision, group))


def batch_env(revision: Revision, group: WorkerGroup) -> list[dict[str, Any]]:
    """Build the environment of a batch prediction: no Ray cluster of ours is joined there."""
    own = {"HOME": TMP, "TMPDIR": TMP, **_device(revision, group)}
    ours = {name: {"name": name, "value": value} for name, value in own.items()}
    return list((ours | user_env(revision)).values())


def user_env(revision: Revision) -> dict[str, dict[str, Any]]:
    """The user's variables, by name."""
    env = revision.template.env or []
    return {e.name: e.model_dump(mode="json", by_alias=True, exclude_none=True) for e in env}


def _device(revision: Revision, group: WorkerGroup) -> dict[str, str]:
    on_gpu = revision.template.model and group.has_device_of(*_GPU_VENDORS)
    return {_DEVICE: "gpu"} if on_gpu else {}


def _env(revision: Revision, own: Mapping[str, str]) -> list[dict[str, Any]]:
    """Ours can be overridden by the user's, except where Pods would no longer find or trust each other."""
    fixed: dict[str, dict[str, Any]] = {
        "POD_IP": {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        "RAY_CLOUD_INSTANCE_ID": {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        "RAY_AUTH_MODE": {"value": "token"},
        "RAY_AUTH_TOKEN": {"valueFrom": {"secretKeyRef": {"name": secret_name(revision), "key": TOKEN_KEY}}},
        **_port_range(revision),
    }
    ours = {name: {"name": name, "value": value} for name, value in {**_COMMON, **own}.items()}
    last = {name: {"name": name, **source} for name, source in fixed.items()}
    return list((ours | user_env(revision) | last).values())


def _port_range(revision: Revision) -> dict[str, dict[str, Any]]:
    """Ray leaves the upper end of the range out; the head hands the ports out, the workers bind them."""
    end = REPLICA_FIRST + len(replica_ports(revision.most_per_pod))
    return {
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": {"value": str(REPLICA_FIRST)},
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": {"value": str(end)},
    }
