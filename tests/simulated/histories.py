"""What may happen to a model, its people, its cluster and its operator: a history is a list of these, with pauses."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from eagleray.domain.facts.pods import Role
from eagleray.domain.goals.revision import RESTARTED_ANNOTATION
from eagleray.kube.kinds import CONFIG_MAP, DEPLOYMENT, MODEL_DEPLOYMENT, SECRET, SERVICE, Kind, Manifest, Ref
from simulated.admission import Quota
from simulated.background import later
from simulated.behaviours import Behaviour
from simulated.cases import model
from simulated.cluster import NAMESPACE, Cluster
from simulated.deployments import is_ready
from simulated.objects import RefusedError, is_ending, ref_of, refuse

Happening = Callable[[Cluster, int], None]
LADDER: list[dict[str, Any]] = [
    {"setWeight": 10},
    {"pause": {"duration": "20s"}},
    {"setWeight": 50},
    {"pause": {"duration": "20s"}},
]
_ROLLOUTS: list[dict[str, Any]] = [
    {},
    {"steps": LADDER},
    {"steps": LADDER, "maxSurge": 0},
    {"steps": LADDER, "progressDeadlineSeconds": 60},
    {"steps": LADDER, "analysis": {"metrics": [{"name": "error-rate", "max": "1%"}]}},
    {"steps": LADDER, "analysis": {"metrics": [{"name": "own", "max": "1", "web": {"url": "http://judge"}}]}},
]
_VERSIONS = [[("a", 80), ("b", 20)], [("a", 50), ("b", 30), ("c", 20)], [("a", 100), ("b", 0)]]
_BROKEN = [
    Behaviour(hangs=True),
    Behaviour(deploy_error="Traceback: ModuleNotFoundError: no module named 'x'"),
    Behaviour(warmup_error="warm-up request was answered 500: boom"),
    Behaviour(fetch_error=("DownloadFailed", "no such key")),
    Behaviour(missing="manifest unknown"),
    Behaviour(crash=40.0),
    Behaviour(errors=0.3),
]
_SCALED = {"minReplicas": 1, "maxReplicas": 5, "metrics": [{"type": "OngoingRequests", "target": 2}]}
_M = Ref(MODEL_DEPLOYMENT, NAMESPACE, "m")


def _spec(cluster: Cluster, **changed: Any) -> None:
    """Change fields of the spec; None takes one away. A spec that the schema refuses is not taken."""
    live = cluster.server.find(_M)
    spec = {**(live["spec"] if live else {}), **changed}
    cluster.apply("m", **{key: value for key, value in spec.items() if value is not None})


def _another_model(cluster: Cluster, n: int) -> None:
    _spec(cluster, model=model(n % 4), versions=None)


def _broken_model(cluster: Cluster, n: int) -> None:
    cluster.behaviours.by_content[f"pvc://models/m/broken-{n}"] = _BROKEN[n % len(_BROKEN)]
    _spec(cluster, model=model(f"broken-{n}"), versions=None)


def _versions(cluster: Cluster, n: int) -> None:
    chosen = _VERSIONS[n % len(_VERSIONS)]
    _spec(cluster, versions=[{"name": v, "weight": w, "env": [{"name": "V", "value": v}]} for v, w in chosen])


def _replicas(cluster: Cluster, n: int) -> None:
    _spec(cluster, replicas=1 + n % 4, autoscaling=None)


def _autoscaled(cluster: Cluster, n: int) -> None:
    cluster.traffic.send(NAMESPACE, "m", float(n % 50))
    _spec(cluster, replicas=None, autoscaling=_SCALED)


def _rollout(cluster: Cluster, n: int) -> None:
    _spec(cluster, rollout=_ROLLOUTS[n % len(_ROLLOUTS)])


def _verb(cluster: Cluster, n: int) -> None:
    live = cluster.server.find(_M) or {}
    rollouts = live.get("status", {}).get("rollouts") or []
    if rollouts:
        attempt = f"{rollouts[0]['to']}/{rollouts[0].get('attempt', 1)}"
        verbs = {"promote": f"{attempt}/full", "abort": attempt, "retry": attempt, "pause": attempt}
        verb = sorted(verbs)[n % len(verbs)]
        cluster.annotate("m", f"eagleray.dev/{verb}", verbs[verb])


def _restart(cluster: Cluster, n: int) -> None:
    if cluster.server.find(_M):  # not where it is deleted, and not yet made again
        cluster.annotate("m", RESTARTED_ANNOTATION, str(n % 3))


def _some(cluster: Cluster, role: Role, n: int) -> Manifest | None:
    pods = [p for p in cluster.pods(role) if not is_ending(p)]
    return pods[n % len(pods)] if pods else None


def _pod_vanishes(cluster: Cluster, n: int) -> None:
    pod = _some(cluster, [Role.WORKER, Role.HEAD, Role.ROUTER][n % 3], n)
    if pod is not None:
        cluster.delete(ref_of(pod), grace=0)


def _pod_is_deleted(cluster: Cluster, n: int) -> None:
    pod = _some(cluster, [Role.WORKER, Role.HEAD][n % 2], n)
    if pod is not None:
        cluster.delete(ref_of(pod))


def _container_ends(cluster: Cluster, n: int) -> None:
    pod = _some(cluster, [Role.WORKER, Role.HEAD][n % 2], n)
    if pod is not None and is_ready(pod):
        cluster.invariants.trouble()
        cluster.end_container(pod["metadata"]["name"], 137, "OOMKilled")


def _node_is_lost(cluster: Cluster, n: int) -> None:
    alive = [name for name, machine in cluster.nodes.machines.items() if not machine.lost]
    if len(alive) > 1:
        cluster.invariants.bystanders.clear()
        cluster.invariants.trouble()
        name = alive[n % len(alive)]
        cluster.nodes.lose(name)
        later(30.0 + n % 400, lambda: cluster.recover(name))


def _node_is_drained(cluster: Cluster, n: int) -> None:
    name = sorted(cluster.nodes.machines)[n % len(cluster.nodes.machines)]
    cluster.invariants.bystanders.clear()
    cluster.nodes.taint(name, "ToBeDeletedByClusterAutoscaler")
    later(60.0 + n % 100, lambda: cluster.nodes.untaint(name, "ToBeDeletedByClusterAutoscaler"))


def _watch_breaks(cluster: Cluster, n: int) -> None:
    watches = cluster.operator.watches
    watches.break_off(watches.kinds[n % len(watches.kinds)], 1.0 + n % 60)


def _watches_lag(cluster: Cluster, n: int) -> None:
    cluster.operator.watches.weather.lag = [0.05, 2.0, 10.0][n % 3]
    cluster.operator.watches.weather.twice = [0.0, 0.5][n % 2]


def _storm(cluster: Cluster, n: int) -> None:
    cluster.faults.share = [0.05, 0.2, 0.5][n % 3]
    later(10.0 + n % 50, lambda: setattr(cluster.faults, "share", 0.0))


def _deadly_storm(cluster: Cluster, n: int) -> None:
    """The operator dies at one of its next requests, and comes back."""
    cluster.faults.deadly = [0.05, 0.5][n % 2]
    later(15.0, lambda: setattr(cluster.faults, "deadly", 0.0))
    later(16.0, cluster.ensure_operator)


def _operator_dies(cluster: Cluster, n: int) -> None:
    cluster.operator.kill()
    later(float(n % 60), cluster.ensure_operator)


def _two_leaders(cluster: Cluster, n: int) -> None:
    old = cluster.operator
    cluster.start_operator()
    later(1.0 + n % 30, old.kill)


def _clock_steps(cluster: Cluster, n: int) -> None:
    cluster.invariants.off.add(4)  # what a step began at is said by a clock that nobody can trust
    cluster.operator.clock.step([-3600.0, -30.0, 30.0, 3600.0][n % 4])


def _load(cluster: Cluster, n: int) -> None:
    cluster.traffic.send(NAMESPACE, "m", float(n % 60))


def _quota(cluster: Cluster, n: int) -> None:
    cluster.server.admission.quotas[NAMESPACE] = Quota(pods=len(cluster.pods()) + n % 3)
    later(30.0 + n % 200, lambda: cluster.server.admission.quotas.pop(NAMESPACE, None))


def _webhook_breaks(cluster: Cluster, n: int) -> None:
    def broken(_: str, manifest: Manifest) -> Manifest:
        if manifest["metadata"].get("namespace") == NAMESPACE and manifest["kind"] in {"Pod", "ConfigMap"}:
            raise refuse(503, "ServiceUnavailable", "no endpoints available")
        return manifest

    cluster.server.admission.webhooks["guard"] = broken
    later(5.0 + n % 100, lambda: cluster.server.admission.webhooks.pop("guard", None))


def _child_is_edited(cluster: Cluster, n: int) -> None:
    edits: list[tuple[Kind, str, Manifest]] = [
        (CONFIG_MAP, "data", {"extra.json": "{}"}),
        (DEPLOYMENT, "spec", {"replicas": n % 2}),
    ]
    kind, field, edit = edits[n % 2]
    ref = Ref(kind, NAMESPACE, "m-router")
    if cluster.server.find(ref) is None:
        return
    try:
        cluster.change(ref, lambda live: {**live, field: {**live[field], **edit}})
    except RefusedError as e:
        cluster.story.tell("person", "is refused", e)  # a webhook that is broken refuses people too


def _child_is_deleted(cluster: Cluster, n: int) -> None:
    kinds = {CONFIG_MAP, DEPLOYMENT, SERVICE, SECRET}
    children = [ref_of(child) for child in cluster.children() if ref_of(child).kind in kinds]
    if children:
        cluster.delete(children[n % len(children)])


def _deleted_and_made_again(cluster: Cluster, n: int) -> None:
    live = cluster.server.find(_M)
    if live is None:
        return
    spec = live["spec"]
    cluster.delete(_M, ["Background", "Foreground", "Orphan"][n % 3])
    if cluster.server.find(_M) is None:
        cluster.apply("m", **spec)
    else:
        later(120.0, lambda: cluster.server.find(_M) or cluster.apply("m", **spec))


def _judge(cluster: Cluster, n: int) -> None:
    figures: list[float | str] = [0.5, 2.0, "nobody is there", 1e40]
    cluster.operator.peers.figure = figures[n % 4]


def _setting_flips(cluster: Cluster, n: int) -> None:
    cluster.installation = replace(cluster.installation, require_sha256=bool(n % 2))
    _operator_dies(cluster, 5)


HAPPENINGS: Mapping[str, Happening] = {
    work.__name__.removeprefix("_"): work
    for work in (
        _another_model, _broken_model, _versions, _replicas, _autoscaled, _rollout, _verb, _restart, _pod_vanishes,
        _pod_is_deleted, _container_ends, _node_is_lost, _node_is_drained, _watch_breaks, _watches_lag, _storm,
        _deadly_storm, _operator_dies, _two_leaders, _clock_steps, _load, _quota, _webhook_breaks, _child_is_edited,
        _child_is_deleted, _deleted_and_made_again, _judge, _setting_flips,
    )
}  # fmt: skip
