"""Our operator beside KubeRay's: a hundred objects each whose Pods never start."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bench.scale.api import Manifest
from bench.scale.audit import Audit
from bench.scale.control_plane import KUBERAY, OPERATOR, ControlPlane
from bench.scale.kubelet import PENDING_PREFIX
from bench.scale.models import plain
from bench.scale.operator import NAMESPACE, Cost, cost, operator
from bench.scale.processes import Running, free_ports, running
from bench.scale.seen import until
from bench.scale.site import Site, install, site
from eagleray.domain.facts.pods import Role
from kind import toolchain
from kind.progress import HarnessError, say

OBJECTS = 100
OURS, THEIRS = f"{PENDING_PREFIX}-models", f"{PENDING_PREFIX}-services"
PODS_SECONDS = 300.0
# From the last Pod to the minute that is measured.
CALM_SECONDS = 20.0
_RAY_IMAGE = "rayproject/ray:2.55.0"
_SERVE = """
applications:
- name: square
  import_path: square:app
  route_prefix: /
  deployments: [{name: Square, num_replicas: 1}]
"""


@dataclass(frozen=True, slots=True)
class Side:
    """What one operator needs for a minute of waiting.

    Attributes:
        name: of the operator.
        cost: what it needs; None where it could not be measured.
        why: why it could not, or "".
    """

    name: str
    cost: Cost | None
    why: str = ""


async def measure() -> list[Side]:
    """Measure both, after each other, on one control plane."""
    try:
        programs = toolchain.ensure(toolchain.KUBERAY)
        version, crds = _source()
    except HarnessError as e:
        return [await _ours(), Side("KubeRay", None, str(e))]
    async with site("pending", (NAMESPACE, OURS, THEIRS)) as place:
        ours = await _ours_at(place)
        await install(place.api, *crds)
        words = _kuberay(programs, place.plane)
        environment = {"KUBECONFIG": str(place.plane.folder / "kuberay.kubeconfig")}
        with running(words, place.plane.folder / "kuberay.log", environment) as program:
            theirs = await _theirs(place, program)
    return [ours, Side(f"KubeRay {version}", theirs)]


async def _ours() -> Side:
    async with site("pending", (NAMESPACE, OURS)) as place:
        return await _ours_at(place)


async def _ours_at(place: Site) -> Side:
    audit = Audit(place.plane.audit_log, OPERATOR)
    with operator(place.plane) as running_operator:
        await place.make(plain(OBJECTS, OURS))
        if not await until(lambda: _ray_pods(place) >= 2 * OBJECTS, PODS_SECONDS):
            return Side("Eagleray", None, f"{_ray_pods(place)} of {2 * OBJECTS} Pods after {PODS_SECONDS:.0f} s")
        await asyncio.sleep(CALM_SECONDS)
        side = Side("Eagleray", await cost(running_operator.program, audit))
    _say(side)
    return side


def _ray_pods(place: Site) -> int:
    return sum(pod.role != Role.ROUTER for pod in place.seen.of(OURS))


def _say(side: Side) -> None:
    if side.cost:
        cpu, memory = f"{side.cost.cpu:.1f} % of a core", f"{side.cost.memory:.0f} MiB"
        say(f"{side.name}, pending: {cpu}, {memory}, {side.cost.requests}")


def _source() -> tuple[str, list[Path]]:
    """KubeRay's version, and the files of its CRDs."""
    source = toolchain.source(toolchain.KUBERAY, toolchain.KUBERAY_MODULE)
    return source.name.rpartition("@")[2], sorted((source / "config" / "crd" / "bases").glob("*.yaml"))


def _kuberay(programs: Path, plane: ControlPlane) -> list[str | Path]:
    plane.access(KUBERAY).kubeconfig(plane.folder / "kuberay.kubeconfig")
    metrics, health = free_ports(2)
    return [
        programs / "ray-operator",
        "--enable-leader-election=false",
        # Its Services have no names here.
        "--use-kubernetes-proxy",
        f"--metrics-addr=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{health}",
    ]


async def _theirs(place: Site, program: Running) -> Cost:
    audit = Audit(place.plane.audit_log, KUBERAY)
    await place.make((_ray_service(n) for n in range(OBJECTS)), "/apis/ray.io/v1", "rayservices")
    path, before = f"/api/v1/namespaces/{THEIRS}/pods", -1
    for _ in range(int(PODS_SECONDS / CALM_SECONDS)):
        program.check()
        await asyncio.sleep(CALM_SECONDS)
        pods = len((await place.api.send("GET", path))["items"])
        if pods == before:
            break
        before = pods
    minute = await cost(program, audit)
    _say(Side(f"KubeRay with {before} Pods", minute))
    return minute


def _ray_service(number: int) -> Manifest:
    resources = {"requests": {"cpu": "250m", "memory": "512Mi"}}
    template = {"spec": {"containers": [{"name": "ray", "image": _RAY_IMAGE, "resources": resources}]}}
    worker = {"groupName": "workers", "replicas": 1, "minReplicas": 1, "maxReplicas": 1, "rayStartParams": {}}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": f"plain-{number}", "namespace": THEIRS},
        "spec": {
            "serveConfigV2": _SERVE,
            "rayClusterConfig": {
                "rayVersion": "2.55.0",
                "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": template},
                "workerGroupSpecs": [{**worker, "template": template}],
            },
        },
    }
