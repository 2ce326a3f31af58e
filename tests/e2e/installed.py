"""The installed operator: its Pods, who of them leads, its log, and what it writes."""

import json
import re
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from .cluster import OPERATOR_NAMESPACE, RELEASE, REPO, Cluster, CommandError, Manifest
from .deployment import name_of
from .wait import NotYetError, eventually

CHART = REPO / "helm" / "eagleray"
METRICS_PORT = 8080

# The operator's requests are told apart by the API server itself: the first of these that matches a request counts it.
# Precedences lie in front of those that Kubernetes brings along for service accounts.
_WATCHED = {
    "eagleray-e2e-leases": (700, ["coordination.k8s.io"], ["*"]),
    "eagleray-e2e-status": (701, ["eagleray.dev"], ["modeldeployments/status"]),
    "eagleray-e2e-events": (702, ["", "events.k8s.io"], ["events"]),
    "eagleray-e2e-pods": (703, [""], ["pods"]),
    "eagleray-e2e-others": (704, ["*"], ["*"]),
}
_WRITES = ["create", "update", "patch", "delete", "deletecollection"]
_COUNTER = re.compile(
    r'^apiserver_flowcontrol_dispatched_requests_total\{flow_schema="(eagleray-e2e-\w+)",[^}]*\} ([0-9.e+]+)$',
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Operator:
    """The release that `make test` installed, or another one of the same chart.

    Args:
        cluster: where it runs.
        namespace: where it is installed.
        release: its Helm release.
    """

    cluster: Cluster
    namespace: str = OPERATOR_NAMESPACE
    release: str = RELEASE

    def install(self, *options: str) -> None:
        """Install the chart unless it is there, and wait until every operator Pod is ready."""
        if self._installed():
            self.wait_until_ready()
            return
        where = ("-n", self.namespace, "-f", str(self.cluster.values), "--wait", "--timeout", "3m")
        self.cluster.helm("install", self.release, str(CHART), *where, *options)

    def uninstall(self) -> None:
        """Remove the release; objects and their Pods are none of its business."""
        if self._installed():
            self.cluster.helm("uninstall", self.release, "-n", self.namespace, "--wait", "--timeout", "2m")
        eventually("the operator's Pods are gone", self._no_pods, within=60)

    def pods(self) -> list[str]:
        """Names of the operator's Pods that nobody is deleting."""
        return sorted(name_of(p) for p in self._pods() if "deletionTimestamp" not in p["metadata"])

    def leader(self) -> str:
        """Name of the Pod that leads.

        Raises:
            NotInTimeError: no live Pod holds the Lease.
        """

        def look() -> str:
            lease = self.cluster.get("lease", f"{self.release}-operator", self.namespace)
            holder = str(lease["spec"].get("holderIdentity") or "").split("_")[0]
            if holder not in self.pods():
                raise NotYetError(f"the Lease is held by {holder!r}")
            return holder

        return eventually("an operator Pod leads", look, within=60)

    def wait_until_ready(self) -> None:
        """Wait until every operator Pod is ready and one of them leads."""
        eventually("the operator's Pods are ready", self._all_ready, within=120)
        self.leader()

    def log(self) -> list[dict[str, Any]]:
        """What its live Pods have logged, by time."""
        lines: list[dict[str, Any]] = []
        for pod in self.pods():
            text = self.cluster.kubectl("logs", "-n", self.namespace, pod)
            lines += [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return sorted(lines, key=lambda line: str(line.get("ts", "")))

    def metric(self, name: str, /, **labels: str) -> float | None:
        """What the operator that leads tells in one of its metrics; None where it tells nothing of these labels."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.leader()}:{METRICS_PORT}/proxy/metrics"
        families = text_string_to_metric_families(self.cluster.kubectl("get", "--raw", path))
        samples = (s for family in families for s in family.samples if s.name == name)
        return next((s.value for s in samples if labels.items() <= s.labels.items()), None)

    def count_writes(self) -> None:
        """Make the API server count this operator's writes from now on."""
        self.cluster.apply(*(self._flow_schema(name, *rule) for name, rule in _WATCHED.items()))

    def writes(self) -> dict[str, int]:
        """Writes at the API server so far, by kind: `status`, `events`, `pods`, `others`; Leases are left out."""
        metrics = self.cluster.kubectl("get", "--raw", "/metrics")
        counted = {name.removeprefix("eagleray-e2e-"): round(float(n)) for name, n in _COUNTER.findall(metrics)}
        kinds = (name.removeprefix("eagleray-e2e-") for name in _WATCHED)
        return {kind: counted.get(kind, 0) for kind in kinds if kind != "leases"}

    def lease_writes(self) -> int:
        """Writes of Leases so far: proof that the counting works."""
        metrics = self.cluster.kubectl("get", "--raw", "/metrics")
        return next((round(float(n)) for name, n in _COUNTER.findall(metrics) if name == "eagleray-e2e-leases"), 0)

    def drained_first(self, pods: set[str]) -> None:
        """It has deleted these Pods only after Ray had let go of them."""
        said = [line for line in self.log() if line.get("pod") in pods]
        for pod in pods:
            words = [f"{line['msg']} {line.get('why', '')}" for line in said if line["pod"] == pod]
            drained = next((i for i, text in enumerate(words) if "drain" in text.lower()), None)
            deleted = next((i for i, text in enumerate(words) if text.startswith("Deleting")), None)
            assert drained is not None, f"{pod} was not drained: {words}"
            assert deleted is not None, f"{pod} was not deleted by the operator: {words}"
            assert drained < deleted, words

    def _flow_schema(self, name: str, precedence: int, groups: list[str], resources: list[str]) -> Manifest:
        account = {"kind": "ServiceAccount", "serviceAccount": {"name": "*", "namespace": self.namespace}}
        rule = {
            "verbs": _WRITES,
            "apiGroups": groups,
            "resources": resources,
            "namespaces": ["*"],
            "clusterScope": True,
        }
        return {
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
            "kind": "FlowSchema",
            "metadata": {"name": name},
            "spec": {
                "matchingPrecedence": precedence,
                "priorityLevelConfiguration": {"name": "workload-low"},
                "distinguisherMethod": {"type": "ByUser"},
                "rules": [{"subjects": [account], "resourceRules": [rule]}],
            },
        }

    def _installed(self) -> bool:
        try:
            status = json.loads(self.cluster.helm("status", self.release, "-n", self.namespace, "-o", "json"))
        except CommandError as e:
            if "not found" in e.stderr:
                return False
            raise
        return bool(status["info"]["status"] == "deployed")

    def _pods(self) -> list[Manifest]:
        return self.cluster.list("pods", self.namespace, f"app.kubernetes.io/instance={self.release}")

    def _no_pods(self) -> None:
        if pods := self._pods():
            raise NotYetError(", ".join(name_of(p) for p in pods))

    def _all_ready(self) -> None:
        pods = self._pods()
        unready = [name_of(p) for p in pods if not _ready(p)]
        wanted = self.cluster.list("deployments", self.namespace, f"app.kubernetes.io/instance={self.release}")
        replicas = sum(int(d["spec"]["replicas"]) for d in wanted)
        if unready or len(pods) != replicas or not pods:
            raise NotYetError(f"{len(pods)} of {replicas} Pods; not ready: {', '.join(unready) or 'none'}")


def _ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]
