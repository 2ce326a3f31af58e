"""The environment of the Ray containers: what Ray 2.60 is told beside its command line, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from eagleray.domain.facts.patience import MIN_DRAIN_SECONDS, drain_seconds, health_seconds
from eagleray.domain.facts.ports import CALLS_FIRST, REPLICA_FIRST, replica_ports
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.goals.pod_defaults import PodDefaults
from eagleray.domain.goals.references import references_of, whole_prefix
from eagleray.domain.goals.revision import Revision
from eagleray.resources.names import secret_name
from eagleray.resources.secret import TOKEN_KEY
from eagleray.resources.volumes import ca_variables

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
# How long Serve's controller rests between two looks. With Ray's 0.1 s a third of what a settled head takes goes there.
CONTROL_SECONDS = 0.3
# Where the model server computes: on a GPU that was asked for, or not at all.
_DEVICE = "EAGLERAY_DEVICE"
_GPU_VENDORS = ("nvidia.com", "amd.com")
TMP = "/tmp"  # noqa: S108 -- a volume of the Pod's own

# Replicas listen themselves (docs/adr/0002-direct-ingress.md): no proxy and no HAProxy on the workers.
_LISTENING: Mapping[str, str] = {"RAY_SERVE_ENABLE_DIRECT_INGRESS": "1", "RAY_SERVE_ENABLE_HA_PROXY": "0"}
_COMMON: Mapping[str, str] = {
    "HOME": TMP,
    "TMPDIR": TMP,
    # What a constructor writes there is told: docs/adr/0028-a-constructor-says-that-it-lives.md. On the head as well,
    # where Serve imports applications.
    "EAGLERAY_PROGRESS_FILE": f"{TMP}/progress",
    "RAY_USAGE_STATS_ENABLED": "0",
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

# Our own server is written for it: it computes in threads of its own, and its one deployment calls no other.
_MODEL: Mapping[str, str] = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}
# An application runs as under `serve run` (docs/adr/0025-serve-as-ray-means-it.md).
_APP: Mapping[str, str] = {
    # Who chooses calls by gRPC, with RAY_SERVE_THROUGHPUT_OPTIMIZED or for one handle, may hand on what he could
    # without: gRPC's own bound is 4 MiB.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(2**31 - 1),
}
# Ray's own: a replica whose event loop has not turned for three such times is given up.
_LOOP_SECONDS = 300


def head_env(revision: Revision, defaults: PodDefaults) -> list[dict[str, Any]]:
    """Build the environment of a head: the user's variables too, as Serve imports applications there."""
    own = {
        "RAY_NODE_TYPE_NAME": "head",
        # A head has nothing to drain: its controller never ends, and would only hold the Pod's end up.
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": str(CONTROL_SECONDS),
    }
    return _env(revision, own, defaults)


def worker_env(
    revision: Revision, group: WorkerGroup, request_timeout: float, defaults: PodDefaults, *, memory_limited: bool
) -> list[dict[str, Any]]:
    """Build the environment of a worker.

    Args:
        revision: the revision.
        group: its worker group.
        request_timeout: the longest time for one request, in seconds.
        defaults: what holds for every Pod.
        memory_limited: whether the container has a memory limit.
    """
    own = {
        "RAY_NODE_TYPE_NAME": "worker",
        # Whoever asks a replica is a router, which says by X-Forwarded-* who asked it, and whether by https.
        "FORWARDED_ALLOW_IPS": "*",
        # A worker whose head is gone waits, and serves, for all of it.
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(drain_seconds(request_timeout)),
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(HEADLESS_SECONDS),
        "RAY_NUM_REDIS_GET_RETRIES": str(HEAD_LOOKUPS),
        "RAY_memory_monitor_refresh_ms": str(MEMORY_MONITOR_MS if memory_limited else 0),
        "RAY_SERVE_USER_HEALTH_CHECK_PROBE_TIMEOUT_S": str(int(max(_LOOP_SECONDS, health_seconds(request_timeout)))),
    }
    return _env(revision, own | _device(revision, group), defaults)


def batch_env(revision: Revision, group: WorkerGroup, defaults: PodDefaults) -> list[dict[str, Any]]:
    """Build the environment of a batch prediction: no Ray cluster of ours is joined there."""
    own = {"HOME": TMP, "TMPDIR": TMP, **_device(revision, group), **_outside(revision, defaults)}
    return _in_order(revision, _place(), _literals(own))


def fetch_env(revision: Revision, variables: Sequence[dict[str, Any]], defaults: PodDefaults) -> list[dict[str, Any]]:
    """Build the environment of a download: what else it needs, such as proxies, are the user's variables.

    Args:
        revision: the revision.
        variables: what the place of the model needs.
        defaults: what holds for every Pod.
    """
    return _in_order(revision, _place(), [*_literals({"HOME": TMP, **_outside(revision, defaults)}), *variables])


def env_from(revision: Revision, secrets: Sequence[str] = ()) -> dict[str, Any]:
    """Build the field of a container with sources of which every entry is a variable; nothing where there are none.

    Args:
        revision: the revision, whose sources are the user's.
        secrets: names of Secrets that come last.
    """
    sources = revision.template.env_from or []
    found = [source.model_dump(mode="json", by_alias=True, exclude_none=True) for source in sources]
    found += [{"secretRef": {"name": name}} for name in secrets]
    return {"envFrom": found} if found else {}


def references_env_from(revision: Revision) -> dict[str, Any]:
    """Build the field by which whole Secrets and ConfigMaps are told apart, each by a prefix of its own."""
    sources = env_from(revision).get("envFrom", [])
    found = [source | {"prefix": whole_prefix(place)} for place, source in enumerate(sources)]
    return {"envFrom": found} if found else {}


def references_env(revision: Revision) -> list[dict[str, Any]]:
    """Build the environment in which the values of Secrets and ConfigMaps are told apart, by the revision's token."""
    referring = {name for reference in references_of(revision.template) for name in reference.variables}
    return [_token(revision), *(each for each in _users(revision) if each["name"] in referring)]


def _users(revision: Revision) -> list[dict[str, Any]]:
    env = revision.template.env or []
    return [e.model_dump(mode="json", by_alias=True, exclude_none=True) for e in env]


def _in_order(
    revision: Revision, fixed: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Put variables in an order in which `$(NAME)` finds those before it: ours, then the user's as the user has them.

    Args:
        revision: the revision, whose variables are the user's.
        fixed: ours that nobody else may set.
        ours: ours that give way to the user's of the same name.
    """
    users = _users(revision)
    taken = {each["name"] for each in users}
    return [*fixed, *(each for each in ours if each["name"] not in taken), *users]


def _literals(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _token(revision: Revision) -> dict[str, Any]:
    source = {"secretKeyRef": {"name": secret_name(revision), "key": TOKEN_KEY}}
    return {"name": "RAY_AUTH_TOKEN", "valueFrom": source}


def _device(revision: Revision, group: WorkerGroup) -> dict[str, str]:
    on_gpu = revision.template.model and group.has_device_of(*_GPU_VENDORS)
    return {_DEVICE: "gpu"} if on_gpu else {}


def _outside(revision: Revision, defaults: PodDefaults) -> dict[str, str]:
    """How what is outside the cluster is reached: by which certificates, proxies and whatever else holds for all."""
    return {**ca_variables(revision, defaults), **defaults.env}


def _env(revision: Revision, own: Mapping[str, str], defaults: PodDefaults) -> list[dict[str, Any]]:
    serve = _MODEL if revision.template.model else _APP
    ours = {**_COMMON, **serve, **own, **_outside(revision, defaults)}
    return _in_order(revision, _fixed(revision), _literals(ours))


def _fixed(revision: Revision) -> list[dict[str, Any]]:
    """What `FIXED_VARIABLES` names."""
    return [
        *_place(),
        *_literals({"RAY_AUTH_MODE": "token"}),
        _token(revision),
        *_literals(_LISTENING),
        *_literals(_port_ranges(revision)),
    ]


def _place() -> list[dict[str, Any]]:
    """Where a container runs."""
    paths = {"POD_IP": "status.podIP", "RAY_CLOUD_INSTANCE_ID": "metadata.name"}
    return [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in paths.items()]


def _port_ranges(revision: Revision) -> dict[str, str]:
    """Ray leaves the upper end of a range out; the head hands the ports out, the workers bind them."""
    many = len(replica_ports(revision.most_per_pod))
    return {
        f"RAY_SERVE_DIRECT_INGRESS_{end}_{kind}_PORT": str(port)
        for kind, first in (("HTTP", REPLICA_FIRST), ("GRPC", CALLS_FIRST))
        for end, port in (("MIN", first), ("MAX", first + many))
    }
