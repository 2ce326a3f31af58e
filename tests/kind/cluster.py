"""The kind clusters: made when missing, mended after a restart of the machine, made anew when stale."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from . import cache, node_image, registry, shell, toolchain
from .machine import Mode
from .progress import HarnessError, say, timed

CONFIG = cache.REPO / "kind-config.yaml"
GPUS = "2"
CPUS = 8  # that each node's kubelet is shown; see kind-config.yaml


@dataclass(frozen=True, slots=True)
class Cluster:
    """A kind cluster of this project.

    Args:
        name: As kind calls it.
    """

    name: str

    @property
    def kubeconfig(self) -> Path:
        """The file that gives access to it; never the user's own."""
        return cache.folder() / f"kubeconfig-{self.name}"

    def kubectl(self, *args: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Run kubectl against this cluster and return what it prints."""
        program = cache.folder() / "bin" / "kubectl"
        return shell.capture([program, "--kubeconfig", self.kubeconfig, *args], stdin=stdin, timeout=timeout)

    def nodes(self) -> list[str]:
        """The names of the containers that are its nodes, running or not."""
        label = f"label=io.x-k8s.kind.cluster={self.name}"
        return sorted(shell.capture(["docker", "ps", "-a", "--filter", label, "--format", "{{.Names}}"]).split())


def ensure(name: str, mode: Mode) -> Cluster:
    """Bring a cluster up and return it; and helm, which nothing needs before the cluster is up."""
    with cache.lock(f"cluster-{name}"):
        toolchain.host_programs(toolchain.KIND, toolchain.KUBECTL)
        image = node_image.ensure_node(mode)
        # Nodes that start mostly wait.
        shell.together(lambda: _bring_up(name, mode, image), lambda: toolchain.host_programs(toolchain.HELM))
        return Cluster(name)


def _bring_up(name: str, mode: Mode, image: str) -> None:
    cluster = Cluster(name)
    wanted = cache.digest(CONFIG, image, cache.identity(), str(cache.folder()), str(CPUS))
    _write_node_files()
    if cluster.nodes():
        if _mend(cluster, wanted):
            say(f"Cluster {name} is up")
        else:
            delete(name)
    if not cluster.nodes():
        _create(cluster, image, wanted)
    registry.write_hosts(mode)
    _announce_gpus(cluster)
    _have_gateway_api(cluster)


def delete(name: str) -> None:
    """Remove a cluster and its kubeconfig; nothing else."""
    cluster = Cluster(name)
    nodes = cluster.nodes()
    if nodes:
        with timed(f"Deleting the cluster {name}"):
            shell.run(["docker", "rm", "-f", "-v", *nodes], log=f"cluster-{name}")
    cluster.kubeconfig.unlink(missing_ok=True)
    _addresses_file(cluster).unlink(missing_ok=True)


def _create(cluster: Cluster, image: str, wanted: str) -> None:
    log = f"cluster-{cluster.name}"
    shell.fresh_log(log)
    kind = cache.folder() / "bin" / "kind"
    options: list[str | Path] = ["--name", cluster.name, "--config", CONFIG, "--kubeconfig", cluster.kubeconfig]
    options += ["--wait", "180s", "--retain"]
    if image:
        options += ["--image", image]
    with timed(f"Cluster {cluster.name}"):
        try:
            shell.run(
                [kind, "create", "cluster", *options],
                log=log,
                cwd=cache.folder(),
                hint="free memory and disk, then run this again; the nodes' own logs are beside that log",
            )
        except HarnessError:
            shell.succeeds([kind, "export", "logs", "--name", cluster.name, cache.logs() / f"nodes-{cluster.name}"])
            delete(cluster.name)
            raise
    cluster.kubectl("create", "configmap", "eagleray-harness", "-n", "kube-system", f"--from-literal=made-of={wanted}")
    _addresses_file(cluster).write_text(json.dumps(_addresses(cluster)))


def _mend(cluster: Cluster, wanted: str) -> bool:
    """Whether the cluster that is there can be used, its nodes started again if they had stopped."""
    if not (cluster.kubeconfig.exists() and _addresses_file(cluster).exists()):
        say(f"Cluster {cluster.name} is there but its kubeconfig is not: making it anew")
        return False
    restarted = _restart(cluster)
    deadline = time.monotonic() + (90 if restarted else 30)
    while time.monotonic() < deadline:
        made_of = _made_of(cluster)
        if made_of and made_of != wanted:
            say(f"Cluster {cluster.name} was made of something else: making it anew")
            return False
        if made_of and _all_ready(cluster):
            return True
        time.sleep(1)
    say(f"Cluster {cluster.name} does not come back: making it anew")
    return False


def _restart(cluster: Cluster) -> bool:
    """Start nodes that stopped, each at the address that its certificates and its etcd know.

    Docker gives the lowest free address to whoever starts first.
    """
    before: dict[str, str] = json.loads(_addresses_file(cluster).read_text())
    if _addresses(cluster) == before:
        return False
    say(f"Starting the nodes of {cluster.name} again")
    shell.succeeds(["docker", "kill", *before])
    for node in sorted(before, key=lambda name: [int(part) for part in before[name].split(".")]):
        shell.succeeds(["docker", "start", node])
    return True


def _addresses(cluster: Cluster) -> dict[str, str]:
    """The address of each node; empty for one that does not run."""
    template = "{{.Name}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    lines = shell.capture(["docker", "inspect", "-f", template, *cluster.nodes()]).splitlines()
    return {name.removeprefix("/"): address for name, _, address in (line.partition(" ") for line in lines)}


def _addresses_file(cluster: Cluster) -> Path:
    return cache.folder() / f"addresses-{cluster.name}.json"


def _made_of(cluster: Cluster) -> str:
    query = ["get", "configmap", "eagleray-harness", "-n", "kube-system", "-o", "jsonpath={.data.made-of}"]
    try:
        return cluster.kubectl(*query, "--request-timeout=5s")
    except HarnessError as failure:
        # Readable but without the mark: not ours, or cut off half way. Not readable: it may still come.
        return "unknown" if "NotFound" in str(failure) else ""


def _all_ready(cluster: Cluster) -> bool:
    try:
        nodes = json.loads(cluster.kubectl("get", "nodes", "-o", "json", "--request-timeout=5s"))["items"]
        pods = json.loads(cluster.kubectl("get", "pods", "-n", "kube-system", "-o", "json", "--request-timeout=5s"))
    except HarnessError:
        return False
    conditions = [c for item in (*nodes, *pods["items"]) for c in item["status"].get("conditions", [])]
    return len(nodes) == len(cluster.nodes()) and all(c["status"] == "True" for c in conditions if c["type"] == "Ready")


def _write_node_files() -> None:
    """Fill what the nodes mount (kind-config.yaml): folders that are named as sysfs names CPUs, without a topology.

    The kubelet counts them. It would write a topology to cpuset, which the kernel refuses for CPUs that are not there.
    """
    nodes = cache.folder() / "nodes"
    for path in ("certs.d", "numa", *(f"cpu/cpu{n}" for n in range(CPUS))):
        (nodes / path).mkdir(parents=True, exist_ok=True)


def _announce_gpus(cluster: Cluster) -> None:
    patch = [{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": GPUS}]
    nodes = cluster.kubectl("get", "nodes", "-l", "nvidia.com/gpu.present=true", "-o", "name").split()
    for node in nodes:
        cluster.kubectl("patch", node, "--subresource=status", "--type=json", "-p", json.dumps(patch))


def _have_gateway_api(cluster: Cluster) -> None:
    """See that the cluster has HTTPRoutes; nobody carries them out."""
    if not cluster.kubectl("get", "crd", "httproutes.gateway.networking.k8s.io", "-o", "name", "--ignore-not-found"):
        file = toolchain.gateway_api_crds() / "gateway.networking.k8s.io_httproutes.yaml"
        cluster.kubectl("apply", "--server-side", "-f", str(file))


def free_disk_gib() -> float:
    """Free space where the cache is."""
    return shutil.disk_usage(cache.folder()).free / 2**30
