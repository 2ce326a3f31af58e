"""Section 1 of the issue, (6), (9), (10): what rest costs, what only waits, and how often a failure is tried again."""

from functools import partial
from itertools import pairwise
from typing import Any

from eagleray.domain.facts.pods import Role
from eagleray.kube.kinds import CONFIG_MAP, Manifest, Ref
from simulated.admission import MAX_CONFIG_MAP_BYTES
from simulated.at_rest import settles
from simulated.background import time
from simulated.behaviours import Behaviour
from simulated.cases import case, model, said, served, workers
from simulated.cluster import NAMESPACE, Cluster
from simulated.objects import ref_of

_SCALED: dict[str, Any] = {
    "minReplicas": 2,
    "maxReplicas": 6,
    "metrics": [{"type": "OngoingRequests", "target": 5}],
}


@case
async def a_settled_model_costs_nothing(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    await settles(cluster)


@case
async def a_settled_model_costs_nothing_under_steady_load(cluster: Cluster) -> None:
    cluster.behaviours.by_content["pvc://models/m/1"] = Behaviour(latency_ms=100)
    cluster.traffic.send(NAMESPACE, "m", 40)
    await served(cluster, autoscaling=_SCALED)
    await settles(cluster)


@case
async def two_versions_cost_nothing(cluster: Cluster) -> None:
    versions = [{"name": n, "weight": w, "model": model(n)} for n, w in (("a", 80), ("b", 20))]
    await served(cluster, versions=versions, replicas=2)
    await settles(cluster)


@case
async def a_long_pause_costs_nothing(cluster: Cluster) -> None:
    rollout = {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}]}
    await served(cluster, rollout=rollout)
    cluster.apply("m", model=model(2), rollout=rollout)
    await cluster.until(lambda: "Paused" in str(cluster.model()["status"].get("rollouts")))
    await settles(cluster)


@case
async def a_restart_writes_nothing(cluster: Cluster) -> None:
    cluster.behaviours.by_content["pvc://models/m/a"] = Behaviour(latency_ms=100)
    cluster.traffic.send(NAMESPACE, "m", 40)
    versions = [
        {"name": "a", "weight": 80, "model": model("a"), "autoscaling": _SCALED},
        {"name": "b", "weight": 20, "model": model("b"), "replicas": 2},
    ]
    await served(cluster, versions=versions)
    await settles(cluster)
    for _ in range(3):
        cluster.operator.kill()
        cluster.start_operator()
        await cluster.run(60)
        spent = {call: n for call, n in cluster.operator.wire.counts.items() if call[0] not in {"get", "list"}}
        assert not spent, f"a new operator writes {spent}"
        assert cluster.operator.looks


@case
async def its_own_status_wakes_nobody(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    cluster.apply("m", model=model(2), replicas=3)
    await cluster.until(cluster.ready)
    assert not cluster.operator.woken_by_itself


@case
async def a_pod_whose_container_has_ended_is_replaced_beside_a_sidecar(cluster: Cluster) -> None:
    def inject(verb: str, manifest: Manifest) -> Manifest:
        if (verb, manifest["kind"]) != ("CREATE", "Pod"):
            return manifest
        containers = [*manifest["spec"]["containers"], {"name": "mesh", "image": "mesh:1"}]
        return {**manifest, "spec": {**manifest["spec"], "containers": containers}}

    cluster.server.admission.webhooks["mesh"] = inject
    await served(cluster, replicas=2)
    for role in (Role.WORKER, Role.HEAD):
        victim = cluster.pods(role)[0]
        cluster.end_container(victim["metadata"]["name"])
        assert cluster.server.get(ref_of(victim))["status"]["phase"] == "Running"
        await cluster.until(partial(_is_gone, cluster, victim), 120)
        await cluster.until(cluster.ready)


def _is_gone(cluster: Cluster, pod: Manifest) -> bool:
    there = {p["metadata"]["uid"] for p in cluster.pods() if "deletionTimestamp" not in p["metadata"]}
    return pod["metadata"]["uid"] not in there


@case
async def a_pod_that_only_terminates_is_nobodys_progress(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    stuck = workers(cluster)[0]
    cluster.kubelets.stuck.add(stuck["metadata"]["name"])
    cluster.delete(ref_of(stuck))
    await cluster.run(180)
    assert cluster.server.find(ref_of(stuck)) is not None
    await cluster.until(cluster.ready, 60)
    await settles(cluster)


@case
async def a_failure_is_tried_again_ever_more_seldom(cluster: Cluster) -> None:
    cluster.behaviours.by_content["pvc://models/m/1"] = Behaviour(deploy_error="Traceback: boom", build=90)
    cluster.apply("m", model=model())
    cluster.start_operator()
    tries: list[float] = []
    last = ""
    for _ in range(2 * 720):
        await cluster.run(5)
        heads = sorted(p["metadata"]["name"] for p in cluster.pods(Role.HEAD))
        if heads and heads[-1] != last:
            last = heads[-1]
            tries.append(time())
    gaps = [b - a for a, b in pairwise(tries)]
    assert len(gaps) > 3
    assert all(later >= earlier - 10 for earlier, later in pairwise(gaps)), gaps


@case
async def a_warm_up_that_fails_is_sent_ever_more_seldom(cluster: Cluster) -> None:
    cluster.behaviours.by_content["pvc://models/m/1"] = Behaviour(warmup_error="answered 500: boom")
    cluster.apply("m", model=model())
    cluster.start_operator()
    await cluster.until(lambda: "answered 500: boom" in said(cluster))
    before = cluster.operator.peers.probes
    await cluster.run(300)
    assert 5 < cluster.operator.peers.probes - before < 20
    cluster.apply("m", model=model(2))
    await cluster.until(cluster.ready)


@case
async def a_thousand_replicas_fit_into_a_config_map(cluster: Cluster) -> None:
    sizes = []
    for count in (10, 30):
        if not cluster.operators:
            await served(cluster, replicas=count)
        else:
            cluster.apply("m", model=model(), replicas=count)
            await cluster.until(cluster.ready, 600)
        data = cluster.server.get(Ref(CONFIG_MAP, NAMESPACE, "m-router"))["data"]
        sizes.append(sum(len(text) for text in data.values()))
    each = (sizes[1] - sizes[0]) / 20
    assert sizes[0] + 2 * 1000 * each < MAX_CONFIG_MAP_BYTES, f"{each:.0f} bytes a replica, two revisions at a time"
