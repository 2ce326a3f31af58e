"""The simulated cluster itself: one seed is one story, and what is around the engine behaves as the real thing does."""

import pytest

from eagleray.domain.facts import labels
from eagleray.domain.facts.pods import Role
from eagleray.kube.kinds import DEPLOYMENT, Manifest, Ref
from simulated.at_rest import loses_nothing
from simulated.behaviours import Behaviour
from simulated.cases import model, served, workers
from simulated.cluster import NAMESPACE, Cluster, play
from simulated.deployments import is_ready
from simulated.faults import Fault
from simulated.objects import is_ending, labels_of, ref_of
from simulated.story import ViolationError

ROUTER = Ref(DEPLOYMENT, NAMESPACE, "m-router")


def test_the_same_seed_tells_the_same_story() -> None:
    stories: list[str] = []

    async def scenario(cluster: Cluster) -> None:
        await served(cluster, replicas=2)
        cluster.faults.share = 0.3
        cluster.apply("m", model=model(2), replicas=3)
        await cluster.run(120)
        stories.append(str(cluster.story))

    for seed in (7, 7, 8):
        play(scenario, seed)
    assert stories[0] == stories[1]
    assert stories[0] != stories[2]


def test_what_is_wrong_is_told_with_seed_and_story() -> None:
    async def scenario(cluster: Cluster) -> None:
        await served(cluster)
        cluster.server.apply_status(
            {**cluster.model(), "status": {"versions": [{"name": "default", "weight": 100, "effectiveWeight": 7}]}}, "x"
        )
        await cluster.run(1)

    with pytest.raises(ViolationError, match=r"(?s)invariant 2.*seed 5.*operator-1 +create ConfigMap m-router"):
        play(scenario, seed=5)


def test_a_router_is_replaced_pod_by_pod() -> None:
    async def scenario(cluster: Cluster) -> None:
        await served(cluster)
        cluster.operator.kill()
        cluster.traffic.send(NAMESPACE, "m", 20)
        before = {p["metadata"]["uid"] for p in cluster.pods(Role.ROUTER)}

        def other(live: Manifest) -> Manifest:
            template = live["spec"]["template"]
            meta = {**template["metadata"], "annotations": {"restarted": "yes"}}
            return {**live, "spec": {**live["spec"], "template": {**template, "metadata": meta}}}

        cluster.change(ROUTER, other)
        await loses_nothing(cluster, 60)
        after = [p for p in cluster.pods(Role.ROUTER) if not is_ending(p)]
        assert len(after) == 2
        assert not before & {p["metadata"]["uid"] for p in after}

    play(scenario)


def test_pods_of_a_lost_node_stay_until_it_is_back() -> None:
    async def scenario(cluster: Cluster) -> None:
        await served(cluster)
        cluster.operator.kill()
        (worker,) = workers(cluster)
        node = worker["spec"]["nodeName"]
        cluster.nodes.lose(node)
        assert not cluster.network.answering(NAMESPACE, labels_of(worker)[labels.REVISION])
        await cluster.run(60)
        assert not is_ready(cluster.server.get(ref_of(worker)))
        await cluster.run(300)
        assert is_ending(cluster.server.get(ref_of(worker))), "evicted, and nobody there to end it"
        await cluster.run(3600)
        assert cluster.server.find(ref_of(worker)) is not None
        cluster.recover(node)
        await cluster.run(120)
        assert cluster.server.find(ref_of(worker)) is None

    play(scenario)


def test_serve_moves_replicas_off_a_worker_that_is_deleted_before_it_ends() -> None:
    async def scenario(cluster: Cluster) -> None:
        await served(cluster, replicas=2)
        cluster.traffic.send(NAMESPACE, "m", 20)
        cluster.delete(ref_of(workers(cluster)[0]))
        await loses_nothing(cluster, 120)

    play(scenario)


def test_users_requests_are_accounted_for() -> None:
    async def scenario(cluster: Cluster) -> None:
        cluster.behaviours.by_content["pvc://models/m/1"] = Behaviour(errors=0.25)
        await served(cluster)
        cluster.traffic.send(NAMESPACE, "m", 40)
        await cluster.run(10.5)
        fates = cluster.traffic.users[NAMESPACE, "m"].fates
        assert fates.total() == 400
        assert fates["answered 5xx"] == 100
        cluster.operator.kill()
        cluster.delete(ref_of(workers(cluster)[0]), grace=0)
        await cluster.run(10)
        assert fates["lost"] == 400

    play(scenario)


def test_an_operator_that_is_killed_is_heard_no_more() -> None:
    async def scenario(cluster: Cluster) -> None:
        await served(cluster)
        cluster.faults.order(lambda call: call.verb == "apply_status", Fault.DEADLY, times=1)
        version = cluster.server.version
        cluster.apply("m", model=model(2))
        await cluster.run(30)
        assert not cluster.operator.alive
        writes = cluster.operator.wire.writes
        await cluster.run(300)
        assert cluster.operator.wire.writes == writes
        assert cluster.server.version > version
        cluster.start_operator()
        await cluster.until(cluster.ready)

    play(scenario)
