"""Pods of every shape that the operator builds, for what must hold of all of them."""

from collections.abc import Callable, Iterator
from typing import Any

from eagleray.domain.actions.access import Access, Issuer, Mounted, Tls
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.goals.revision import Revision
from eagleray.resources.batch import Batch, build_batch_job
from eagleray.resources.children import ROUTER_CHILDREN, RouterContext
from eagleray.resources.head import build_head_pod
from eagleray.resources.pod import PodSettings
from eagleray.resources.worker import WorkerPlace, build_worker_pod
from eagleray.router.config import rendered

MakeRevision = Callable[..., Revision]
Manifest = dict[str, Any]
OWNER = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u-1"}
LIVE = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "churn", "uid": "u-1"}}
CHECKSUM = "0" * 64
SHAPES: dict[str, dict[str, Any]] = {
    "claim": {},
    "cache": {
        "model": {"framework": "sklearn", "uri": "s3://m/1", "sha256": CHECKSUM, "cache": {"claimName": "kept"}},
        "caBundle": {"secretName": "ca"},
    },
    "several": {
        "model": {
            "framework": "sklearn",
            "models": [{"name": "a", "uri": "pvc://one/a"}, {"name": "b", "uri": "pvc://two/b"}],
        }
    },
    "app": {
        "app": {"importPath": "a:b"},
        "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}}],
    },
}


def head_pod(revision: Revision, settings: PodSettings | None = None) -> Manifest:
    """A head."""
    return build_head_pod(revision, 0, OWNER, settings or PodSettings())


def worker_pod(revision: Revision, settings: PodSettings | None = None) -> Manifest:
    """A worker of the first group."""
    return build_worker_pod(revision, WorkerPlace(revision.groups[0], 0, 0), OWNER, settings or PodSettings())


def batch_pod(revision: Revision, settings: PodSettings | None = None) -> Manifest:
    """The Pod of a batch prediction."""
    job = build_batch_job(revision, Batch("nightly", "s3://in/rows", "s3://out/1"), LIVE, settings or PodSettings())
    found: Manifest = job["spec"]["template"]
    return found


def router_pod(config: RouterConfig, settings: PodSettings | None = None, template: Any = None) -> Manifest:
    """A router's Pod."""
    settings = settings or PodSettings()
    context = RouterContext(config, rendered(config), "router:1", OWNER, settings, pod_template=template)
    (found,) = (child.build(context) for child in ROUTER_CHILDREN if child.kind == "Deployment")
    pod: Manifest = found["spec"]["template"]
    return pod


def ray_pods(make_revision: MakeRevision, **more: Any) -> Iterator[tuple[str, Manifest]]:
    """Heads and workers of every shape, each with what it is."""
    for shape, fields in SHAPES.items():
        revision = make_revision(**fields, **more)
        yield f"head of {shape}", head_pod(revision)
        yield f"worker of {shape}", worker_pod(revision)


def router_pods(**more: Any) -> Iterator[tuple[str, Manifest]]:
    """Routers with everything beside Envoy, and without."""
    yield "router", router_pod(RouterConfig("churn", "shop"), **more)
    tls = Tls(Mounted("Secret", "tls"), client_ca=Mounted("ConfigMap", "ca"))
    issuer = Issuer("https://idp.example.com", ("churn",), Mounted("ConfigMap", "jwks"))
    access = Access(keys=Mounted("Secret", "keys"), issuers=(issuer,), tls=tls)
    yield "full router", router_pod(RouterConfig("churn", "shop", compares=True, holds=True, access=access), **more)


def all_containers(pod: Manifest) -> list[Manifest]:
    """Every container of a Pod, init containers first."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
