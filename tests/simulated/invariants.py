"""The invariants of the design (section 5) that can be told at a single event, each one function.

Those that need rest, such as 5, 6, 8 and 12, are in `at_rest.py`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from eagleray.domain.actions.router_config import SLOTS
from eagleray.domain.facts import labels
from eagleray.domain.facts.pods import Role
from eagleray.kube.client import FIELD_MANAGER
from eagleray.kube.kinds import CONFIG_MAP, MODEL_DEPLOYMENT, POD, Kind, Manifest, Ref
from simulated.background import later, time
from simulated.deployments import WHO as DEPLOYMENTS
from simulated.deployments import is_ready
from simulated.envoy import LOST, UNAVAILABLE
from simulated.envoy_files import Loaded, decode
from simulated.objects import is_ending, labels_of, owners_of
from simulated.ray import Worker
from simulated.storage import Change
from simulated.traffic import Fate, Key

if TYPE_CHECKING:
    from simulated.cluster import Cluster

# What an operator knew when it decided may be so old: a look under faults, a peer that answers late or with old news.
STALE_SECONDS = 60.0
# A fault, a person's hand or an operator's end may be felt for so long.
FELT_SECONDS = 120.0
RESTARTED_SECONDS = 15.0
# A replica that has answered for so long is known to the routers, where nothing is wrong.
KNOWN_SECONDS = 30.0
_OURS = {FIELD_MANAGER, DEPLOYMENTS}


class Invariants:
    """What must hold in one cluster.

    Args:
        cluster: the cluster.

    Attributes:
        bystanders: models that nothing is done to: none of their Pods is touched and none of their requests is lost.
        off: numbers of invariants that a case breaks on purpose.
    """

    def __init__(self, cluster: "Cluster") -> None:
        self.bystanders: set[Key] = set()
        self.off: set[int] = set()
        self._cluster = cluster
        self._troubled = 0.0
        self._answered: dict[tuple[str, str], float] = {}
        self._makers: dict[str, str] = {}
        self._rollouts: dict[tuple[str, ...], tuple[int, str, str]] = {}
        self._splits: defaultdict[Key, Mapping[str, int]] = defaultdict(dict)
        self._watching = False
        cluster.server.listeners.append(self._changed)
        cluster.traffic.listeners.append(self._fated)

    def trouble(self) -> None:
        """Something was done to the cluster from outside."""
        self._troubled = time()

    def _calm(self) -> bool:
        operators = [o for o in self._cluster.operators if o.alive]
        recent = max([self._troubled, self._cluster.faults.last, *(o.since for o in self._cluster.operators)])
        return bool(operators) and time() - recent > FELT_SECONDS

    def _wrong(self, number: int, what: str) -> None:
        if number not in self.off:
            self._cluster.fail(self._cluster.story.violation(f"invariant {number}: {what}"))

    def _changed(self, change: Change) -> None:
        if change.old is None:
            self._makers[change.last["metadata"]["uid"]] = change.who
        if change.who == "kubectl" or _falls(change):
            self.trouble()
        if change.ref.kind == POD and not self._watching:
            self._watching = True
            later(1.0, self._see)
        for check in _CHECKS.get(change.ref.kind, ()):
            check(self, change)

    def _see(self) -> None:
        """Note who answers."""
        self._watching = bool(self._cluster.kubelets.lives)
        for life in self._cluster.kubelets.lives.values():
            if isinstance(life.program, Worker) and any(a.up for a in life.program.actors):
                self._answered[life.ref.namespace, labels_of(life.pod)[labels.REVISION]] = time()
        if self._watching:
            later(1.0, self._see)

    def _answers(self, namespace: str, revision: str) -> bool:
        return self._cluster.network.answering(namespace, revision) > 0

    def _has_answered(self, namespace: str, revision: str) -> bool:
        return self._cluster.network.answering(namespace, revision, KNOWN_SECONDS) > 0

    def _answered_lately(self, namespace: str, revision: str) -> bool:
        last = self._answered.get((namespace, revision), -STALE_SECONDS)
        return self._answers(namespace, revision) or time() - last <= STALE_SECONDS

    def weights_go_to_who_answers(self, change: Change) -> None:
        """1, 2: no share is given to whom nobody answers for, and shares sum up; else there is a reason."""
        name = labels_of(change.last).get(labels.NAME)
        if name is None or change.new is None or change.who != FIELD_MANAGER:
            return
        loaded, key = decode(change.new["data"]), (change.ref.namespace, name)
        split: dict[str, int] = defaultdict(int)
        for revision, slots in loaded.split:
            split[revision] += slots
        if split and sum(split.values()) != SLOTS:
            self._wrong(2, f"the split of {name} sums up to {sum(split.values())}")
        if not split and not loaded.unavailable:
            self._wrong(2, f"the router of {name} has nobody to ask and no reason to give")
        gains = {r for r, slots in split.items() if slots > self._splits[key].get(r, 0) and r not in loaded.holds}
        self._splits[key] = split
        dead = sorted(r for r in gains if not self._answered_lately(key[0], r))
        others = [r for r in loaded.clusters if r not in dead and self._answers(key[0], r)]
        if dead and others:
            self._wrong(1, f"{dead[0]} gains requests, nobody of it answers, and {others[0]} does")
        self._no_stranger_is_asked(loaded, key)

    def _no_stranger_is_asked(self, loaded: Loaded, key: Key) -> None:
        """8: only Pods that we made get requests."""
        for revision, endpoints in loaded.endpoints.items():
            for ip in {ip for ip, _ in endpoints}:
                life = self._cluster.kubelets.by_address.get(ip)
                if life is None or self._makers.get(life.uid) != FIELD_MANAGER:
                    self._wrong(8, f"requests to {revision} of {key[1]} go to {life.ref if life else ip}, not ours")

    def pods_go_for_a_reason(self, change: Change) -> None:
        """1, 8, 11: which Pods the operator deletes."""
        begins = change.old is not None and not is_ending(change.old) and (change.new is None or is_ending(change.new))
        if not begins or change.who != FIELD_MANAGER:
            return
        pod, marks = change.last, labels_of(change.last)
        key = (change.ref.namespace, marks.get(labels.NAME, ""))
        if self._makers.get(pod["metadata"]["uid"]) not in _OURS:
            self._wrong(8, f"{change.ref} is deleted, and is not ours")
        if key in self.bystanders:
            self._wrong(11, f"{change.ref} is deleted, and nobody has done anything to {key[1]}")
        if marks.get(labels.ROLE) == Role.WORKER:
            self._somebody_stays(pod, key)

    def _somebody_stays(self, pod: Manifest, key: Key) -> None:
        """1: the last that answer stay until others do."""
        cluster, model = self._cluster, self._cluster.server.find(Ref(MODEL_DEPLOYMENT, *key))
        if model is None or is_ending(model) or not any(o["uid"] == model["metadata"]["uid"] for o in owners_of(pod)):
            return
        life = cluster.kubelets.lives.get(pod["metadata"]["uid"])
        worker = life.program if life else None
        if not isinstance(worker, Worker) or not any(a.up for a in worker.actors) or _gives_up(model):
            return
        if worker.behaviour.warmup_error:  # it has never been given a request of anybody's
            return
        others = [other for other in cluster.kubelets.lives.values() if other is not life and _of(other.pod, key)]
        programs = [other.program for other in others if not is_ending(other.pod)]
        if not any(isinstance(w, Worker) and any(a.up for a in w.actors) for w in programs):
            self._wrong(1, f"Pod {pod['metadata']['name']} is deleted, the last of {key[1]} that answers")

    def effective_weights_sum_up(self, change: Change) -> None:
        """2: in the status too."""
        versions = _status(change).get("versions", [])
        total = sum(v.get("effectiveWeight", 0) for v in versions)
        if total not in {0, 100}:
            self._wrong(2, f"the effective weights of {change.ref.name} sum up to {total}")

    def rollouts_go_on(self, change: Change) -> None:
        """4: a rollout never falls back to an earlier step, nor does a step begin again after a restart."""
        uid = change.last["metadata"]["uid"]
        for rollout in _status(change).get("rollouts", []) or []:
            key = (uid, rollout["version"], rollout["to"], str(rollout.get("attempt", 1)), rollout.get("stepsHash", ""))
            step, since = rollout.get("step", 0), rollout["stepStartedAt"]
            before = self._rollouts.get(key)
            self._rollouts[key] = (step, since, rollout["from"])
            if before is None or before[2] != rollout["from"]:
                continue
            if step < before[0]:
                self._wrong(4, f"the rollout to {rollout['to']} falls from step {before[0]} to {step}")
            if step == before[0] and since < before[1]:
                self._wrong(4, f"step {step} of the rollout to {rollout['to']} began at {before[1]}, now {since}")

    def nothing_is_scaled_down_at_once(self, change: Change) -> None:
        """9: whoever has just started does not know enough."""
        starts = [o.since for o in self._cluster.operators if o.alive and o.since > 0]
        if change.old is None or not starts or time() - min(starts) > RESTARTED_SECONDS:
            return
        before = {_subject(s): s["desired"] for s in change.old.get("status", {}).get("scaling") or []}
        for record in _status(change).get("scaling") or []:
            was = before.get(_subject(record), 0)
            if record["desired"] < min(was, record["maxReplicas"]) and not record.get("idleSince"):
                self._wrong(9, f"{record['revision']} is scaled from {was} to {record['desired']} just after a restart")

    def _fated(self, fate: Fate) -> None:
        """2, 3, 7: whom requests are lost at, when nothing was done to the cluster for a while."""
        namespace = fate.model[0]
        if fate.what in {LOST, UNAVAILABLE} and fate.model in self.bystanders:
            self._wrong(11, f"{fate.number} requests to the bystander {fate.model[1]} are {fate.what}")
        if fate.what not in {LOST, UNAVAILABLE} or not self._calm():
            return
        if fate.what == LOST and self._has_answered(namespace, fate.revision):
            self._wrong(3, f"{fate.number} requests to {fate.revision} are lost, and it has a replica that answers")
        split = self._splits[fate.model]
        if fate.what == LOST and any(self._has_answered(namespace, revision) for revision in split):
            self._wrong(1, f"{fate.number} requests to {fate.revision} are lost, and others in {dict(split)} answer")


def _gives_up(model: Manifest) -> bool:
    """Whether nobody is known to answer or is to, or a rollout may take away who does."""
    spec, status = model["spec"], model.get("status", {})
    if not any(version.get("stable") for version in status.get("versions", [])):
        return True  # an object made anew knows of nobody who serves, though it may have adopted somebody
    asleep = any(record.get("idleSince") for record in status.get("scaling") or [])
    recreates = (spec.get("rollout") or {}).get("strategy") == "Recreate"
    return spec.get("replicas") == 0 or bool(spec.get("suspend")) or asleep or recreates


def _falls(change: Change) -> bool:
    """Whether a Pod was ready and is not, or is gone, and nobody asked the operator."""
    if change.ref.kind != POD or change.old is None or change.who == FIELD_MANAGER or not is_ready(change.old):
        return False
    return change.new is None or not is_ready(change.new)


def _of(pod: Manifest, key: Key) -> bool:
    return (pod["metadata"]["namespace"], labels_of(pod).get(labels.NAME)) == key


def _status(change: Change) -> Manifest:
    if change.new is None or change.who == "kubectl":
        return {}
    status: Manifest = change.new.get("status") or {}
    return status


def _subject(record: Manifest) -> tuple[str, str]:
    return record["revision"], record.get("deployment", "")


Check = Callable[[Invariants, Change], None]
_CHECKS: Mapping[Kind, tuple[Check, ...]] = {
    CONFIG_MAP: (Invariants.weights_go_to_who_answers,),
    POD: (Invariants.pods_go_for_a_reason,),
    MODEL_DEPLOYMENT: (
        Invariants.effective_weights_sum_up,
        Invariants.rollouts_go_on,
        Invariants.nothing_is_scaled_down_at_once,
    ),
}
