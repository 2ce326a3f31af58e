"""A small world for the plan to act on: it does what the actions say, and time passes in steps of one second."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from eagleray.domain.actions import (
    AskProvider,
    CreateHead,
    CreateWorker,
    DeletePod,
    DeleteRevision,
    DrainNode,
    EnsureRevision,
    EnsureRouter,
    Plan,
    Probe,
    PutApplication,
    RetireRevision,
    SetReplicas,
)
from eagleray.domain.desired import parse
from eagleray.domain.fleet import Fleet
from eagleray.domain.installation import Installation
from eagleray.domain.observed import Observed, Pod, ProbeResult, Role, RouterPod
from eagleray.domain.plan import plan
from eagleray.domain.providers.query import ProviderQuery, Reading
from eagleray.domain.ray_cluster.ray_nodes import NodeState, NodeStatus, NodeUse
from eagleray.domain.ray_cluster.serve import (
    Application,
    AppStatus,
    Deployment,
    DeploymentStatus,
    Replica,
    ReplicaState,
    ServeState,
)
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.comparison import Comparison
from eagleray.domain.rollout.samples import Sample, record
from eagleray.domain.state.model import State
from eagleray.domain.status.codec import read, write
from eagleray.domain.traffic.router import RouterConfig, RouterStats
from unit.domain.requests import Requests

IMAGES = {"sklearn": "sklearn:1", "base": "base:1"}
FLEET = Fleet.model_validate({"spotLabels": {"spot": ["true"]}})
START = datetime(2026, 1, 1, tzinfo=UTC)
HEAD_SECONDS = 3


class World:
    """One ModelDeployment and everything around it.

    Args:
        **spec: the first spec; a model from a PVC where neither `model` nor `app` is given.
    """

    def __init__(self, **spec: Any) -> None:
        self.spec: dict[str, Any] = {}
        self.generation = 0
        self.now = START
        self.pods: dict[str, Pod] = {}
        self.revisions: dict[str, Revision] = {}
        self.status = State()
        self.targets: dict[str, dict[str, int]] = {}
        self.replicas: dict[str, dict[str, tuple[str, str]]] = {}
        self.ingress = ""
        self.unnamed: tuple[str, ...] = ()
        self.use: dict[str, NodeUse] = {}
        self.draining: set[str] = set()
        self.probes: dict[str, ProbeResult] = {}
        self.router: RouterConfig | None = None
        self.services: set[str] = set()
        self.annotations: dict[str, str] = {}
        self.traffic = Requests()
        self.samples: tuple[Sample, ...] = ()
        self.routers_answer = True
        self.seen: dict[str, int] | None = None
        self.broken: set[str] = set()
        self.bytes = "sha256:1"
        self.images: dict[str, str] = {}
        self.readings: dict[ProviderQuery, Reading] = {}
        self.agreed: dict[str, tuple[int, int]] = {}
        self.provider: float | str = "nobody is there"
        self.history: list[Plan] = []
        self.writes = 0
        self.set(**({} if "model" in spec or "app" in spec else {"model": model("1")}), **spec)

    def set(self, **spec: Any) -> None:
        """Change fields of the spec."""
        self.spec = {**self.spec, **spec}
        self.generation += 1

    def manifest(self) -> dict[str, Any]:
        meta = {
            "name": "m",
            "namespace": "ns",
            "uid": "u",
            "generation": self.generation,
            "annotations": self.annotations,
        }
        return {"metadata": meta, "spec": self.spec}

    def observed(self) -> Observed:
        heads = [p for p in self.pods.values() if p.role is Role.HEAD and p.live and p.started]
        up = [h for h in heads if (self.now - h.created_at).total_seconds() >= HEAD_SECONDS]
        seen = {f"r{i}": self._stats() for i in range(2)} if self.routers_answer else {}
        self.samples = record(self.samples, Sample(self.now, seen), timedelta(hours=1), set(self.revisions))
        return Observed(
            status=self.status,
            pods=tuple(self.pods.values()),
            revisions=dict(self.revisions),
            services=frozenset(self.services),
            samples=self.samples,
            readings=dict(self.readings),
            use=dict(self.use),
            serve={h.name: self._serve(h) for h in up},
            nodes={name: NodeState(name, b"", NodeStatus.DEAD) for name in self.draining},
            routers=tuple(self._router(f"r{i}", seen) for i in range(2)),
            router_version=str(hash(self.router)),
            probes=dict(self.probes),
        )

    def _router(self, name: str, seen: dict[str, RouterStats]) -> RouterPod:
        found = (Comparison(revision, of, agreed) for revision, (agreed, of) in self.agreed.items())
        waiting = {revision: n for revision, n in self.traffic.held.items() if n and name in seen}
        return RouterPod(name, f"10.0.9.{name[1:]}", seen.get(name), comparisons=tuple(found), held=waiting)

    def step(self, seconds: float = 1, crash_after: int | None = None) -> Plan:
        """Decide once, do what was decided, and let time pass.

        Args:
            seconds: how much of it.
            crash_after: the operator dies after so many actions, before it has written the status; the next one
                remembers nothing.
        """
        desired = parse(self.manifest(), Installation(IMAGES, FLEET), self.revisions)
        observed = self.observed()
        # What an operator saw that died before it could act on it binds nobody.
        stats = observed.routers[0].stats if crash_after is None else None
        self.seen = {r: s.healthy_endpoints for r, s in stats.revisions.items()} if stats else None
        decision = plan(desired, observed, self.now)
        for action in decision.actions[:crash_after]:
            self._do(action)
        if crash_after is not None:
            self.samples = ()
            self.probes.clear()
            self.readings.clear()
        else:
            self.writes += decision.status != write(self.status)
            self.status = read(decision.status.as_written())
        self.history.append(decision)
        self.now += timedelta(seconds=seconds)
        self._pass()
        if self.router:
            self.traffic.send(self.router, seconds, self.answering)
        return decision

    def run(self, steps: int = 60) -> Plan:
        """Let `steps` seconds pass."""
        for _ in range(steps):
            last = self.step()
        return last

    def kill(self, name: str) -> None:
        """Take a Pod away without a word, and the replicas in it."""
        del self.pods[name]
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

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(c for c in self.status.conditions if c.type == kind)
        return found.status, found.reason

    def _do(self, action: object) -> None:
        match action:
            case EnsureRouter(config):
                if config != self.router:
                    self.writes += 1
                self.router = config
            case EnsureRevision(revision, _):
                self.revisions.setdefault(revision.name, revision)
                self.services.add(revision.name)
            case RetireRevision(name):
                assert not [p for p in self.pods.values() if p.revision == name]
                self.services.remove(name)
            case AskProvider(query):
                value, error = (None, self.provider) if isinstance(self.provider, str) else (self.provider, "")
                self.readings[query] = Reading(self.now, value, error)
            case CreateHead(revision, n):
                self._create(revision, Role.HEAD, n, 0, f"{revision.name}-head-{n}")
            case CreateWorker(revision, group, n, i, on_demand):
                name = f"{revision.name}-w{n}-{i}"
                self._create(revision, Role.WORKER, n, i, name, group)
                self.pods[name] = replace(self.pods[name], on_demand=on_demand)
            case DeletePod(name, uid):
                assert self.pods[name].uid == uid
                self.pods[name] = replace(self.pods[name], deleting=True)
            case DeleteRevision(name):
                assert not [p for p in self.pods.values() if p.revision == name]
                del self.revisions[name]
            case _:
                self._do_in_ray(action)

    def _do_in_ray(self, action: object) -> None:
        match action:
            case PutApplication(_, head, replicas):
                self.targets[head] = dict(replicas)
                self.replicas[head] = {}
            case SetReplicas(_, head, deployment, replicas):
                self.targets[head][deployment] = replicas
            case DrainNode(_, pod):
                self.draining.add(pod)
            case Probe(revision, _, n):
                self.probes[revision.name] = ProbeResult(revision.name, n, ok=True, message="")

    def _create(self, revision: Revision, role: Role, incarnation: int, index: int, name: str, group: str = "") -> None:
        assert name not in self.pods, f"{name} is created twice"
        uid, ip = f"uid-{len(self.history)}-{name}", f"10.0.{len(self.history)}.{len(self.pods)}"
        self.pods[name] = Pod(name, uid, revision.name, role, incarnation, index, "Pending", self.now, group, ip=ip)
        self.images[name] = revision.image

    def _pass(self) -> None:
        for name, pod in list(self.pods.items()):
            if pod.deleting:
                del self.pods[name]
            elif pod.phase == "Pending" and not pod.unschedulable and pod.revision not in self.broken:
                digest = self.images[name].partition("@")[2] or self.bytes
                self.pods[name] = replace(pod, phase="Running", scheduled=True, started=True, ready=True, digest=digest)
        for head in list(self.targets):
            self._place(head)

    def _place(self, head: str) -> None:
        """Serve starts and stops replicas; those of a head that is gone go on where their Pods do."""
        placed = {r: w for r, w in self.replicas[head].items() if w[1] in self.pods}
        if head in self.pods:
            for deployment, target in self.targets[head].items():
                own = [r for r, w in placed.items() if w[0] == deployment]
                room = self._room(self.pods[head], deployment, [w for _, w in placed.values()])
                for i, pod in enumerate(room[: max(0, target - len(own))]):
                    placed[f"{head}-{deployment}-{len(self.history)}-{i}"] = (deployment, pod)
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
        found += [Deployment(name, DeploymentStatus.HEALTHY, "", 1) for name in self.unnamed]
        return ServeState((Application("m", AppStatus.RUNNING, deployments=tuple(found)),))

    def _deployment(self, head: str, name: str, target: int) -> Deployment:
        placed = {r: pod for r, (d, pod) in self.replicas[head].items() if d == name}
        replicas = tuple(Replica(r, ReplicaState.RUNNING, pod, self.now) for r, pod in placed.items())
        ingress = self.ingress in {"", name}
        return Deployment(name, DeploymentStatus.HEALTHY, "", target, is_ingress=ingress, replicas=replicas)

    def _stats(self) -> RouterStats:
        targets = self.router.targets if self.router else ()
        version = str(hash(self.router))
        return RouterStats(
            version, {t.revision: self.traffic.stats(t.revision, version, self.answering(t.revision)) for t in targets}
        )


def model(number: str) -> dict[str, Any]:
    """A model's spec; another number is another content."""
    return {"framework": "sklearn", "uri": f"pvc://models/m/{number}"}
