"""A small world for the plan to act on: it does what the actions say, and time passes in steps of one second."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import (
    Action,
    AskProvider,
    CreateHead,
    CreateWorker,
    DeletePod,
    DeleteRevision,
    EnsureRevision,
    EnsureRouter,
    Free,
    RetireRevision,
    Write,
)
from eagleray.domain.facts.comparison import Comparison
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.facts.problem import PartOutcome, PeerTrouble
from eagleray.domain.facts.providers.query import ProviderQuery, Reading
from eagleray.domain.facts.ray_nodes import NodeState, NodeStatus, NodeUse
from eagleray.domain.facts.router_stats import RouterStats
from eagleray.domain.facts.routers import Credentials, RouterPod
from eagleray.domain.facts.samples import Sample, record
from eagleray.domain.goals.fleet import Fleet
from eagleray.domain.goals.installation import Installation
from eagleray.domain.plan.plan import Plan, plan
from eagleray.domain.state.model import State
from eagleray.domain.state.observed import Observed
from eagleray.domain.status.codec import read, write
from eagleray.domain.version.desired import parse
from unit.domain.ray_world import START, RayWorld
from unit.domain.requests import Requests

if TYPE_CHECKING:
    from eagleray.api.spec import ModelDeploymentSpec
    from eagleray.domain.facts.progress import Progress

__all__ = ["START", "World", "model"]

IMAGES = {"sklearn": "sklearn:1", "base": "base:1"}
FLEET = Fleet.model_validate({"spotLabels": {"spot": ["true"]}})
HEAD_SECONDS = 3
GRACE_SECONDS = 30


class RefusedError(Exception):
    """The API server says no."""


class World(RayWorld):
    """One ModelDeployment and everything around it.

    Args:
        **spec: the first spec; a model from a PVC where neither `model` nor `app` is given.
    """

    def __init__(self, **spec: Any) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {}
        self.generation = 0
        self.status = State()
        self.use: dict[str, NodeUse] = {}
        self.progress: dict[str, Progress] = {}
        self.services: set[str] = set()
        self.annotations: dict[str, str] = {}
        self.traffic = Requests()
        self.samples: tuple[Sample, ...] = ()
        self.routers_answer = True
        self.seen: dict[str, int] | None = None
        self.readings: dict[ProviderQuery, Reading] = {}
        self.agreed: dict[str, tuple[int, int]] = {}
        self.credentials = Credentials()
        self.provider: float | str = "nobody is there"
        self.refused: dict[str, Reason] = {}
        self.outcomes: dict[str, PartOutcome] = {}
        self.accepted: ModelDeploymentSpec | None = None
        self.installation = Installation(IMAGES, FLEET)
        self.unreadable: dict[str, str] = {}
        self.unprotected: dict[str, str] = {}
        self.serve_errors: dict[str, PeerTrouble] = {}
        self.mute = False
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
        up = [h for h in heads if not self.mute and (self.now - h.created_at).total_seconds() >= HEAD_SECONDS]
        seen = {f"r{i}": self._stats() for i in range(2)} if self.routers_answer else {}
        self.samples = record(self.samples, Sample(self.now, seen), timedelta(hours=1), set(self.revisions))
        return Observed(
            status=self.status,
            pods=tuple(self.pods.values()),
            revisions={name: r for name, r in self.revisions.items() if name not in self.unreadable},
            unreadable=dict(self.unreadable),
            unprotected=dict(self.unprotected),
            serve_errors=dict(self.serve_errors),
            outcomes=dict(self.outcomes),
            services=frozenset(self.services),
            samples=self.samples,
            readings=dict(self.readings),
            use=dict(self.use),
            progress=dict(self.progress),
            serve={h.name: self._serve(h) for h in up},
            nodes={name: NodeState(name, b"", NodeStatus.DEAD) for name in self.draining},
            routers=tuple(self._router(f"r{i}", seen) for i in range(2)),
            router_version=str(hash(self.router)) if self.router else "",
            probes=dict(self.probes),
        )

    def _router(self, name: str, seen: dict[str, RouterStats]) -> RouterPod:
        found = (Comparison(revision, of, agreed) for revision, (agreed, of) in self.agreed.items())
        waiting = {revision: n for revision, n in self.traffic.held.items() if n and name in seen}
        of_pod = name, f"10.0.9.{name[1:]}", seen.get(name)
        return RouterPod(*of_pod, comparisons=tuple(found), held=waiting, credentials=self.credentials)

    def step(self, seconds: float = 1, crash_after: int | None = None) -> Plan:
        """Decide once, do what was decided, and let time pass.

        Args:
            seconds: how much of it.
            crash_after: the operator dies after so many actions, before it has written the status; the next one
                remembers nothing.
        """
        decision = self._look(crash_after)
        if decision.wake.at <= self.now and crash_after is None:
            decision = self._look(None)
        self.now += timedelta(seconds=seconds)
        self._pass()
        if self.router:
            self.traffic.send(self.router, seconds, self.answering)
        return decision

    def _look(self, crash_after: int | None) -> Plan:
        observed = self.observed()
        desired = parse(self.manifest(), self.installation, observed, self.accepted)
        self.accepted = desired.accepted
        # What an operator saw that died before it could act on it binds nobody.
        stats = observed.routers[0].stats if crash_after is None else None
        self.seen = {r: s.healthy_endpoints for r, s in stats.revisions.items()} if stats else None
        decision = plan(desired, observed, self.now)
        if crash_after is not None:
            for action in decision.actions[:crash_after]:
                self._do(action, decision)
            self._forget()
        else:
            failed = self._do_parts(decision)
            said = plan(desired, replace(observed, outcomes=dict(self.outcomes)), self.now) if failed else decision
            self.writes += said.status != write(self.status)
            self.status = read(said.status.as_written())
        self.history.append(decision)
        return decision

    def _forget(self) -> None:
        """What an operator remembers ends with it."""
        self.samples, self.accepted = (), None
        self.probes.clear()
        self.readings.clear()
        self.outcomes.clear()

    def _do_parts(self, decision: Plan) -> bool:
        """What makes room first, of all parts; then each part alone, whose writes end with the first that fails."""
        failed: dict[str, PartOutcome] = {}
        for kind in (Free, Write, None):
            for part in decision.parts:
                for action in part.actions:
                    if isinstance(action, kind) if kind else not isinstance(action, Free | Write):
                        if kind is Write and part.name in failed:
                            continue
                        try:
                            self._do(action, decision)
                        except RefusedError as e:
                            failed[part.name] = PartOutcome(
                                part.name, Reason(str(e)), f"refused: {action}"[:200], self.now
                            )
        self.outcomes = failed
        return bool(failed)

    def refuse(self, *what: str, reason: Reason = Reason.PODS_REFUSED) -> None:
        """Refuse, from now on, what these names say: an action's, or a Pod's or revision's."""
        self.refused |= dict.fromkeys(what, reason)

    def run(self, steps: int = 60) -> Plan:
        """Let `steps` seconds pass."""
        for _ in range(steps):
            last = self.step()
        return last

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(c for c in self.status.conditions if c.type == kind)
        return found.status, found.reason

    def _do(self, action: Action, decision: Plan) -> None:
        refused = {type(action).__name__, _name_of(action)} & set(self.refused)
        if refused:
            raise RefusedError(self.refused[refused.pop()])
        match action:
            case EnsureRouter(config):
                if config != self.router:
                    self.writes += 1
                self.router = config
            case EnsureRevision(name, _):
                self.revisions.setdefault(name, decision.revisions[name])
                self.services.add(name)
            case RetireRevision(name):
                assert not [p for p in self.pods.values() if p.revision == name]
                self.services.remove(name)
            case DeleteRevision(name):
                assert not [p for p in self.pods.values() if p.revision == name]
                del self.revisions[name]
            case AskProvider(query):
                value, error = (None, self.provider) if isinstance(self.provider, str) else (self.provider, "")
                self.readings[query] = Reading(self.now, value, error)
            case _:
                self._do_to_pods(action)

    def _do_to_pods(self, action: Action) -> None:
        match action:
            case CreateHead(_, image, n):
                self._create(Pod(_name_of(action), "", action.revision, Role.HEAD, n, 0, "Pending", self.now), image)
            case CreateWorker(revision, image, group, n, i, on_demand):
                name, role = _name_of(action), Role.WORKER
                pod = Pod(name, "", revision, role, n, i, "Pending", self.now, group, on_demand=on_demand)
                self._create(pod, image)
            case DeletePod(name, uid):
                assert self.pods[name].uid == uid
                ends = self.now + timedelta(seconds=GRACE_SECONDS)
                self.pods[name] = replace(self.pods[name], deleting=True, leaves_by=ends)
            case _:
                self.do_in_ray(action)

    def _create(self, pod: Pod, image: str) -> None:
        assert pod.name not in self.pods, f"{pod.name} is created twice"
        uid, ip = f"uid-{len(self.history)}-{pod.name}", f"10.0.{len(self.history)}.{len(self.pods)}"
        self.pods[pod.name] = replace(pod, uid=uid, ip=ip)
        self.images[pod.name] = image

    def _stats(self) -> RouterStats:
        targets = self.router.targets if self.router else ()
        version = str(hash(self.router))
        return RouterStats(
            version, {t.revision: self.traffic.stats(t.revision, version, self.answering(t.revision)) for t in targets}
        )


def _name_of(action: Action) -> str:
    """The name of what is written: a Pod's, or a revision's."""
    match action:
        case CreateHead(revision, _, n):
            return f"{revision}-head-{n}"
        case CreateWorker(revision, _, _, n, i):
            return f"{revision}-w{n}-{i}"
        case DeletePod(name):
            return name
        case EnsureRevision(name) | RetireRevision(name) | DeleteRevision(name):
            return name
    return ""


def model(number: str) -> dict[str, Any]:
    """A model's spec; another number is another content."""
    return {"framework": "sklearn", "uri": f"pvc://models/m/{number}"}
