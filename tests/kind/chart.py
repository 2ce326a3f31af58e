"""Installs the project's Helm chart into one of the clusters."""

import json
import time
from typing import TYPE_CHECKING, Any

from . import cache, images, registry, shell
from .cluster import Cluster
from .progress import HarnessError

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "eagleray-system"
RELEASE = "eagleray"
CHART = cache.REPO / "helm" / "eagleray"
SELECTOR = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator"
DEADLINE_S = 180
CRASHES = 2


def values(tags: dict[str, str]) -> dict[str, object]:
    """The chart's values that this cluster needs: where its images are, or will be as soon as they are built."""
    return {
        "images": {
            "registry": registry.ADDRESS,
            **{name: {"repository": images.repository(name), "tag": tags[name]} for name in images.CHART},
        }
    }


def install(cluster: Cluster, tags: dict[str, str]) -> None:
    """Install the chart, or bring it up to date, and wait until the operator runs."""
    log = f"helm-{cluster.name}"
    with cache.lock(f"chart-{cluster.name}"):
        shell.fresh_log(log)
        namespace(cluster, NAMESPACE)
        file = cache.folder() / f"values-{cluster.name}.json"
        file.write_text(json.dumps(values(tags), indent=2))
        # What a helm that was killed leaves behind would stop every later one.
        cut_off = "owner=helm,status in (pending-install,pending-upgrade,pending-rollback)"
        cluster.kubectl("delete", "secret", "-n", NAMESPACE, "-l", cut_off)
        helm: list[str | Path] = [cache.folder() / "bin" / "helm", "upgrade", "--install", RELEASE, CHART]
        helm += ["--kubeconfig", cluster.kubeconfig, "-n", NAMESPACE, "-f", file]
        shell.run(helm, log=log)
        _wait(cluster, log)


def _wait(cluster: Cluster, log: str) -> None:
    """Wait until every operator Pod is of this release and ready; do not wait for Pods that crash."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = cluster.kubectl("get", "deployments,pods", "-n", NAMESPACE, "-l", SELECTOR, "-o", "json")
        deployed, crashed = progress(json.loads(found)["items"])
        if deployed:
            return
        if crashed or time.monotonic() > deadline:
            with shell.log_path(log).open("a") as output:
                output.write(_why(cluster, crashed))
            what = f"The operator's Pod {crashed} crashes" if crashed else "The operator does not become ready"
            hint = f"see `kubectl -n {NAMESPACE} describe pods`"
            raise HarnessError(what, log=shell.log_path(log), hint=hint)
        time.sleep(0.3)


def progress(items: list[dict[str, Any]]) -> tuple[bool, str]:
    """Whether the Deployments among these objects are rolled out, and the name of a Pod that crashes, or nothing."""
    deployments = [i for i in items if i["kind"] == "Deployment"]
    deployed = bool(deployments) and all(_rolled_out(d) for d in deployments)
    # Those of a template before may crash for as long as they are there.
    pods = [i for i in items if i["kind"] == "Pod"]
    newest = max((p["metadata"]["creationTimestamp"] for p in pods), default="")
    for pod in pods:
        restarts = sum(c["restartCount"] for c in pod["status"].get("containerStatuses", []))
        if restarts >= CRASHES and pod["metadata"]["creationTimestamp"] == newest:
            return deployed, pod["metadata"]["name"]
    return deployed, ""


def _rolled_out(deployment: dict[str, Any]) -> bool:
    status, wanted = deployment["status"], deployment["spec"]["replicas"]
    counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")}
    return counts == {wanted} and status.get("observedGeneration") == deployment["metadata"]["generation"]


def _why(cluster: Cluster, crashed: str) -> str:
    try:
        text = cluster.kubectl("get", "pods", "-n", NAMESPACE)
        if crashed:
            text += cluster.kubectl("logs", "-n", NAMESPACE, crashed, "--previous", "--tail=20")
    except HarnessError as failure:
        return f"{failure}\n"
    return text


def namespace(cluster: Cluster, name: str) -> None:
    """Make a namespace that accepts nothing but restricted Pods."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest))
