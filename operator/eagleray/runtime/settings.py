"""Every environment variable of the operator, in one place."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from eagleray.api.serving import FRAMEWORKS
from eagleray.api.units import parse_quantity
from eagleray.domain.fleet import Fleet
from eagleray.domain.installation import BASE_IMAGE, MAX_MODEL_BYTES, WITH_GPU_IMAGE, gpu_flavour

PREFIX = "EAGLERAY_"
DEFAULT_NAMESPACE = "eagleray-system"
PULL_POLICIES = frozenset({"", "Always", "IfNotPresent", "Never"})
BOOLEANS = frozenset({"true", "false"})
LOG_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})


class SettingsError(ValueError):
    """An environment variable is missing or wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the operator process.

    Attributes:
        watch_namespaces: namespaces to serve; empty for all.
        namespace: the operator's own.
        pod_name: this Pod.
        lease_name: the Lease that operators of one installation share.
        router_image: image of the router Pods.
        images: default images of the Ray Pods, see `Installation`.
        image_pull_policy: of the Pods that the operator makes; "" leaves it to Kubernetes.
        image_pull_secrets: their pull secrets.
        fleet: what labels, taints and conditions of nodes mean, as JSON.
        require_sha256: whether every model that is fetched must be named by its checksum.
        max_model_bytes: the most that a model may have, as it is downloaded and unpacked.
        logged_percent: share of the requests that were answered well that routers log.
        concurrency: how many ModelDeployments are worked on at once.
        metrics_port: of `/metrics`; 0 picks a free one.
        health_port: of `/healthz` and `/readyz`; 0 picks a free one.
        resync_seconds: between two looks at every ModelDeployment, whatever the watches say.
        drain_seconds: how long a stopping operator goes on with what it has in hand.
        log_level: a level of the standard library.
    """

    watch_namespaces: tuple[str, ...] = ()
    namespace: str = DEFAULT_NAMESPACE
    pod_name: str = field(default_factory=socket.gethostname)
    lease_name: str = "eagleray-operator"
    router_image: str = "eagleray/router"
    images: Mapping[str, str] = field(
        default_factory=lambda: {
            name: f"eagleray/{name}" for name in (BASE_IMAGE, *FRAMEWORKS, *map(gpu_flavour, WITH_GPU_IMAGE))
        }
    )
    image_pull_policy: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    fleet: Fleet = field(default_factory=Fleet)
    require_sha256: bool = False
    max_model_bytes: int = MAX_MODEL_BYTES
    logged_percent: float = 100.0
    concurrency: int = 16
    metrics_port: int = 8080
    health_port: int = 8081
    resync_seconds: float = 600.0
    drain_seconds: float = 15.0
    log_level: str = "INFO"


def from_environment(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Args:
        env: the environment; what is unset or empty keeps its default.

    Raises:
        SettingsError: a value is not what its setting takes.
    """
    d = Settings(pod_name=_get(env, "POD_NAME") or socket.gethostname())
    images = {name: _get(env, f"{_variable(name)}_IMAGE") or default for name, default in d.images.items()}
    return Settings(
        watch_namespaces=_list(env, "WATCH_NAMESPACES"),
        namespace=_get(env, "NAMESPACE") or d.namespace,
        pod_name=d.pod_name,
        lease_name=_get(env, "LEASE_NAME") or d.lease_name,
        router_image=_get(env, "ROUTER_IMAGE") or d.router_image,
        images=images,
        image_pull_policy=_choice(env, "IMAGE_PULL_POLICY", PULL_POLICIES, d.image_pull_policy),
        image_pull_secrets=_list(env, "IMAGE_PULL_SECRETS"),
        fleet=_fleet(env, "NODES"),
        require_sha256=_choice(env, "REQUIRE_SHA256", BOOLEANS, "false") == "true",
        max_model_bytes=_bytes(env, "MAX_MODEL_SIZE", d.max_model_bytes),
        logged_percent=_number(env, "REQUEST_LOG_PERCENT", d.logged_percent, low=0, high=100),
        concurrency=int(_number(env, "CONCURRENCY", d.concurrency, low=1, high=1000)),
        metrics_port=int(_number(env, "METRICS_PORT", d.metrics_port, low=0, high=65535)),
        health_port=int(_number(env, "HEALTH_PORT", d.health_port, low=0, high=65535)),
        resync_seconds=_number(env, "RESYNC_SECONDS", d.resync_seconds, low=1, high=86400),
        drain_seconds=_number(env, "DRAIN_SECONDS", d.drain_seconds, low=0, high=3600),
        log_level=_choice(env, "LOG_LEVEL", LOG_LEVELS, d.log_level),
    )


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _get(env: Mapping[str, str], name: str) -> str:
    return env.get(PREFIX + name, "").strip()


def _list(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for p in _get(env, name).split(",") if (part := p.strip())))


def _fleet(env: Mapping[str, str], name: str) -> Fleet:
    try:
        return Fleet.model_validate_json(_get(env, name) or "{}")
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{PREFIX}{name}: {where}: {first['msg']}") from e


def _choice(env: Mapping[str, str], name: str, known: frozenset[str], default: str) -> str:
    value = _get(env, name) or default
    if value not in known:
        raise SettingsError(f"{PREFIX}{name}: {value!r} is none of {', '.join(sorted(known - {''}))}")
    return value


def _bytes(env: Mapping[str, str], name: str, default: int) -> int:
    raw = _get(env, name)
    try:
        value = int(parse_quantity(raw)) if raw else default
    except ValueError as e:
        raise SettingsError(f"{PREFIX}{name}: {e}") from e
    if value < 1:
        raise SettingsError(f"{PREFIX}{name}: {raw} is less than a byte")
    return value


def _number(env: Mapping[str, str], name: str, default: float, *, low: float, high: float) -> float:
    raw = _get(env, name)
    try:
        value = float(raw) if raw else float(default)
    except ValueError as e:
        raise SettingsError(f"{PREFIX}{name}: {raw!r} is not a number") from e
    if not low <= value <= high:
        raise SettingsError(f"{PREFIX}{name}: {raw} is not between {low:g} and {high:g}")
    return value
