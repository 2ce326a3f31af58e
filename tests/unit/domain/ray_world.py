"""Pods and Ray in a small world: Pods start and end, Serve places replicas on them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eagleray.domain.actions.actions import Action, DrainNode, Probe, PutApplication, SetReplicas
from eagleray.domain.facts.pods import Container, Pod, Role
from eagleray.domain.facts.probe import ProbeResult
from eagleray.domain.facts.serve import (
    Application,
    AppStatus,
    DeploymentStatus,
    Replica,
    ReplicaState,
    ServeDeployment,
    ServeState,
)

if TYPE_CHECKING:
    from eagleray.domain.actions.router_config import RouterConfig
    from eagleray.domain.goals.revision import Revision

START = datetime(2026, 1, 1, tzinfo=UTC)


class RayWorld:
    """Every Pod of one ModelDeployment, and the Ray clusters that they make.

    Attributes:
        broken: revisions whose Pods never start.
        stays: Pods that do not end when they are deleted.
        deploys: whether Serve takes applications.
        app_status: what Serve says of every application.
        constructing: revisions whose replicas' constructors do not return.
    """

    def __init__(self) -> None:
        self.now = START
        self.pods: dict[str, Pod] = {}
        self.revisions: dict[str, Revision] = {}
        self.targets: dict[str, dict[str, int]] = {}
        self.replicas: dict[str, dict[str, tuple[str, str]]] = {}
        self.ingress = ""
        self.unnamed: tuple[str, ...] = ()
        self.draining: set[str] = set()
        self.probes: dict[str, ProbeResult] = {}
        self.router: RouterConfig | None = None
        self.broken: set[str] = set()
        self.bytes = "sha256:1"
        self.images: dict[str, str] = {}
        self.stays: set[str] = set()
        self.deploys = True
        self.app_status = AppStatus.RUNNING
        self.constructing: set[str] = set()
        self._placed = 0

    def kill(self, name: str) -> None:
        """Take a Pod away without a word, and the replicas in it."""
        del self.pods[name]
        for head, placed in self.replicas.items():
            self.replicas[head] = {r: w for r, w in placed.items() if w[1] != name}

    def end_main(self, name: str, exit_code: int = 1) -> None:
        """End a Pod's Ray while a container beside it runs on, so that its phase stays as it is."""
        ended = (Container("ray", exit_code=exit_code, reason="Error", ended=True), Container("proxy", running=True))
        self.pods[name] = replace(self.pods[name], started=False, ready=False, containers=ended)
        for head, placed in self.replicas.items():
            self.replicas[head] = {r: w for r, w in placed.items() if w[1] != name}

    def fail(self, name: str, **fields: Any) -> None:
        """End a Pod's containers."""
        self.pods[name] = replace(self.pods[name], phase="Failed", started=False, **fields)

    def heads(self) -> list[Pod]:
        return [p for p in self.pods.values() if p.role is Role.HEAD]

    def workers(self) -> list[Pod]:
        return [p for p in self.pods.values() if p.role is Role.WORKER]

    def answering(self, revision: str) -> int:
        """Replicas of `revision` that answer and that the router has an address of."""
        target = next((t for t in self.router.targets if t.revision == revision), None) if self.router else None
        ips = set(target.addresses) if target else set()
        placed = [w for head in self.replicas.values() for d, w in head.values() if self.ingress in {"", d}]
        return sum(1 for w in placed if w in self.pods and self.pods[w].ip in ips and self.pods[w].revision == revision)

    def placed(self, deployment: str) -> list[str]:
        """The Pods of the replicas of a Serve deployment."""
        return [pod for head in self.replicas.values() for d, pod in head.values() if d == deployment]

    def do_in_ray(self, action: Action) -> None:
        match action:
            case PutApplication(_, head, replicas):
                if self.deploys:
                    self.targets[head] = dict(replicas)
                    self.replicas[head] = {}
            case SetReplicas(_, head, deployment, replicas):
                self.targets[head][deployment] = replicas
            case DrainNode(_, _, pod):
                self.draining.add(pod)
            case Probe(revision, _, n):
                self.probes[revision] = ProbeResult(n, self.now)

    def _pass(self) -> None:
        for name, pod in list(self.pods.items()):
            if pod.deleting and name not in self.stays:
                del self.pods[name]
            elif pod.phase == "Pending" and self._starts(pod):
                digest = self.images[name].partition("@")[2] or self.bytes
                self.pods[name] = replace(pod, phase="Running", scheduled=True, started=True, ready=True, digest=digest)
        for head in list(self.targets):
            self._place(head)

    def _dead(self, name: str) -> bool:
        """Whether a Pod is there in name alone."""
        ends = self.pods[name].leaves_by
        return ends is not None and ends < self.now

    def _starts(self, pod: Pod) -> bool:
        prepares = any(c.init and c.running for c in pod.containers)
        return not (pod.deleting or pod.unschedulable or prepares or pod.revision in self.broken)

    def _place(self, head: str) -> None:
        """Serve starts and stops replicas; those of a head that is gone go on where their Pods do."""
        placed = {r: w for r, w in self.replicas[head].items() if w[1] in self.pods and not self._dead(w[1])}
        if head in self.pods and self.app_status is AppStatus.RUNNING:
            for deployment, target in self.targets[head].items():
                own = [r for r, w in placed.items() if w[0] == deployment]
                room = self._room(self.pods[head], deployment, [w for _, w in placed.values()])
                for pod in room[: max(0, target - len(own))]:
                    placed[f"{head}-{deployment}-{self._placed:06}"] = (deployment, pod)
                    self._placed += 1
                # The last to come is the first to go.
                for extra in sorted(own)[target:]:
                    del placed[extra]
        self.replicas[head] = placed

    def _room(self, head: Pod, group: str, taken: list[str]) -> list[str]:
        """The Pods of a worker group, each as often as it has room for a replica."""
        per_pod = next(g.replicas_per_pod for g in self.revisions[head.revision].groups if g.name == group)
        return [
            w.name for w in self.workers()
            if (w.revision, w.incarnation, w.group) == (head.revision, head.incarnation, group) and w.started and w.live
            for _ in range(per_pod - taken.count(w.name))
        ]  # fmt: skip

    def _serve(self, head: Pod) -> ServeState:
        if head.name not in self.targets:
            return ServeState()
        found = [self._deployment(head.name, d, target) for d, target in self.targets[head.name].items()]
        found += [ServeDeployment(name, DeploymentStatus.HEALTHY, "", 1) for name in self.unnamed]
        return ServeState((Application("m", self.app_status, deployments=tuple(found)),))

    def _deployment(self, head: str, name: str, target: int) -> ServeDeployment:
        placed = {r: pod for r, (d, pod) in self.replicas[head].items() if d == name}
        starts = self.pods[head].revision in self.constructing
        state = ReplicaState.STARTING if starts else ReplicaState.RUNNING
        replicas = tuple(Replica(r, state, pod, START if starts else self.now) for r, pod in placed.items())
        ingress = self.ingress in {"", name}
        return ServeDeployment(name, DeploymentStatus.HEALTHY, "", target, is_ingress=ingress, replicas=replicas)
