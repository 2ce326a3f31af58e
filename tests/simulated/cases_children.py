"""Section 1 of the issue, (2), (3), (7): whose is whose, children that are looked after, three ways of deletion."""

from functools import partial
from typing import Any

from eagleray.domain.facts import labels
from eagleray.domain.facts.pods import Role
from eagleray.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    MODEL_DEPLOYMENT,
    POD,
    POD_DISRUPTION_BUDGET,
    SECRET,
    SERVICE,
    Manifest,
    Ref,
)
from simulated.at_rest import heals, leaves_nothing, loses_nothing
from simulated.cases import case, model, served, workers
from simulated.cluster import NAMESPACE, Cluster
from simulated.faults import Fault
from simulated.objects import is_ending, labels_of, ref_of, with_meta

_M = Ref(MODEL_DEPLOYMENT, NAMESPACE, "m")


@case
async def a_bare_404_deletes_nothing(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    before = {p["metadata"]["uid"] for p in cluster.pods()}
    cluster.faults.order(lambda call: call.target == "ModelDeployment", Fault.BARE)
    cluster.change(_M, lambda live: with_meta(live, annotations={"touched": "yes"}))
    await cluster.run(900)
    cluster.faults.calm()
    assert {p["metadata"]["uid"] for p in cluster.pods()} == before
    await cluster.until(cluster.ready)


@case
async def a_strangers_pod_with_our_labels_is_neither_asked_nor_deleted(cluster: Cluster) -> None:
    await served(cluster)
    ours = workers(cluster)[0]
    spec = {k: v for k, v in ours["spec"].items() if k != "nodeName"}
    meta = {"name": "stranger-0", "namespace": NAMESPACE, "labels": labels_of(ours)}
    stranger = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    cluster.server.create(stranger, "kubectl")
    await cluster.run(300)
    assert not is_ending(cluster.server.get(Ref(POD, NAMESPACE, "stranger-0")))
    cluster.delete(_M)
    await cluster.run(300)
    assert not is_ending(cluster.server.get(Ref(POD, NAMESPACE, "stranger-0")))


@case
async def a_pod_that_loses_its_labels_stops_nothing(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    bare = {key: value for key, value in labels_of(workers(cluster)[0]).items() if key != labels.NAME}
    lost = ref_of(workers(cluster)[0])
    cluster.change(lost, lambda live: with_meta(live, labels=bare))
    await cluster.run(60)
    cluster.change(lost, lambda live: with_meta(live, labels=bare | {labels.NAME: "m"}))
    await cluster.until(cluster.ready, 600)
    rest = {key: value for key, value in labels_of(workers(cluster)[0]).items() if key != labels.ROLE}
    cluster.change(ref_of(workers(cluster)[0]), lambda live: with_meta(live, labels=rest))
    await cluster.until(cluster.ready, 600)


@case
async def a_token_secret_comes_back_when_a_pod_needs_it(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    cluster.delete(ref_of(cluster.server.list(SECRET, NAMESPACE)[0]))
    cluster.delete(ref_of(workers(cluster)[0]), grace=0)
    await cluster.until(lambda: len([a for a in workers(cluster) if "running" in str(a["status"])]) == 2, 120)
    await cluster.until(cluster.ready)


@case
async def a_model_that_is_replaced_by_force_finds_its_secret(cluster: Cluster) -> None:
    cluster.garbage.slowest = 20.0
    await served(cluster, replicas=2)
    cluster.delete(_M)
    cluster.apply("m", model=model(), replicas=2)
    await cluster.until(cluster.ready, 600)
    await cluster.run(300)
    assert cluster.ready()
    assert cluster.server.list(SECRET, NAMESPACE)


def _edited(live: Manifest) -> dict[str, Any]:
    match live["kind"]:
        case "ConfigMap":
            return {**live, "data": {**live["data"], "rds.json": live["data"]["rds.json"].replace("10000", "9999")}}
        case "Deployment":
            return {**live, "spec": {**live["spec"], "replicas": 0}}
        case "Service":
            return {**live, "spec": {**live["spec"], "selector": {"app": "another"}}}
        case _:
            return {**live, "spec": {**live["spec"], "maxUnavailable": 2}}


@case
async def whoever_edits_a_child_finds_it_as_it_was(cluster: Cluster) -> None:
    await served(cluster)
    router = [Ref(kind, NAMESPACE, "m-router") for kind in (CONFIG_MAP, DEPLOYMENT, POD_DISRUPTION_BUDGET)]
    for ref in (*router, Ref(SERVICE, NAMESPACE, "m")):
        good = cluster.server.get(ref)
        cluster.change(ref, _edited)
        await heals(cluster, ref, good)
        await cluster.until(cluster.ready)


@case
async def whoever_deletes_a_child_finds_it_again(cluster: Cluster) -> None:
    await served(cluster)
    for child in cluster.children():
        ref = ref_of(child)
        if ref.kind in {CONFIG_MAP, DEPLOYMENT, SERVICE, POD_DISRUPTION_BUDGET}:
            cluster.delete(ref)
            await cluster.until(partial(cluster.server.find, ref), 30)
            await cluster.until(cluster.ready)


@case
async def an_event_is_written_again_after_its_hour(cluster: Cluster) -> None:
    await served(cluster)
    for _ in range(2):
        await cluster.run(7200)
        assert not cluster.server.list(EVENT), "they have expired"
        cluster.delete(ref_of(workers(cluster)[0]), grace=0)
        await cluster.until(lambda: not cluster.ready(), 30)
        await cluster.until(cluster.ready)
        assert cluster.server.list(EVENT), "somebody who looks now is told"


async def _deleted(cluster: Cluster, propagation: str, within: float) -> None:
    await served(cluster, replicas=2)
    cluster.delete(_M, propagation)
    await leaves_nothing(cluster, within=within)


@case
async def background_deletion_leaves_nothing(cluster: Cluster) -> None:
    await _deleted(cluster, "Background", 60)


@case
async def foreground_deletion_leaves_nothing(cluster: Cluster) -> None:
    await _deleted(cluster, "Foreground", 60)


@case
async def orphans_are_adopted_and_go_with_their_new_owner(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    pods = {p["metadata"]["uid"] for p in cluster.pods() if labels_of(p)[labels.ROLE] != Role.ROUTER}
    cluster.delete(_M, "Orphan")
    await cluster.until(lambda: cluster.server.find(_M) is None, 120)
    await cluster.run(60)
    assert pods <= {p["metadata"]["uid"] for p in cluster.pods()}, "who orphans wants them to stay"
    cluster.apply("m", model=model(), replicas=2)
    await cluster.until(cluster.ready)
    assert pods <= {p["metadata"]["uid"] for p in cluster.pods()}, "and they serve on"
    cluster.delete(_M)
    await leaves_nothing(cluster, within=120)


@case
async def orphans_serve_until_another_content_answers(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    cluster.traffic.send(NAMESPACE, "m", 10)
    cluster.delete(_M, "Orphan")
    await cluster.until(lambda: cluster.server.find(_M) is None, 120)
    cluster.apply("m", model=model(2), replicas=2)
    await loses_nothing(cluster, 120)


@case
async def a_deletion_needs_no_operator(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    cluster.operator.kill()
    cluster.delete(_M, "Foreground")
    await leaves_nothing(cluster, within=600)


@case
async def adopted_workers_serve_on_until_their_lost_head_is_replaced(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    cluster.delete(_M, "Orphan")
    await cluster.run(5)
    cluster.delete(ref_of(cluster.pods(Role.HEAD)[0]), grace=0)
    cluster.traffic.send(NAMESPACE, "m", 10)
    cluster.apply("m", model=model(), replicas=2)
    await loses_nothing(cluster, 120)
    await cluster.until(cluster.ready)
