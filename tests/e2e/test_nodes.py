"""Kinds of nodes: accelerators, spot nodes, and Pods that leave a node before it goes. No request fails meanwhile."""

from collections.abc import Iterator
from functools import partial

import pytest

from e2e.cluster import GPU_NODE, OTHER_NODE, SPOT_NODE
from e2e.deployment import ModelDeployment, name_of
from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.then import SETTLED_SECONDS, Then
from e2e.wait import NotYetError, eventually
from e2e.when import When

ROLES = ("worker", "router")
NOTICE = "aws-node-termination-handler/spot-itn"


@pytest.fixture(scope="module")
def roaming(given: Given) -> Iterator[Served]:
    given.operator()
    served = given.knobs("roaming", replicas=2, placement={"spot": "Prefer"})
    yield served
    given.cluster.delete("md", served.md.name, ROLLOUT_NAMESPACE)


@pytest.fixture
def noticed(given: Given) -> Iterator[None]:
    """The notice is taken back, whatever came of it."""
    yield
    given.cluster.kubectl("taint", "node", SPOT_NODE, f"{NOTICE}-")


def nodes(md: ModelDeployment, role: str) -> set[str]:
    return {pod["spec"].get("nodeName", "") for pod in md.pods(role)}


def only_elsewhere(md: ModelDeployment, role: str) -> None:
    if SPOT_NODE in (found := nodes(md, role)):
        raise NotYetError(f"{role} Pods are on {found}")


def a_router_moves_there(roaming: Served, when: When, then: Then) -> None:
    """As where no other node has room."""
    kubectl = roaming.md.cluster.kubectl
    kubectl("cordon", OTHER_NODE)
    try:
        when.pod_killed(ROLLOUT_NAMESPACE, roaming.md.live_pods("router")[0])
        then.settled(roaming.md)
    finally:
        kubectl("uncordon", OTHER_NODE)
    assert SPOT_NODE in nodes(roaming.md, "router")


@pytest.mark.usefixtures("noticed")
def test_what_prefers_spot_nodes_leaves_one_that_gives_notice(roaming: Served, when: When, then: Then) -> None:
    assert nodes(roaming.md, "worker") == {SPOT_NODE}
    assert SPOT_NODE not in nodes(roaming.md, "head"), "with the head goes the whole cluster"
    a_router_moves_there(roaming, when, then)
    before = set(roaming.md.live_pods("worker"))
    with when.loaded(roaming, 30) as load:
        roaming.md.cluster.kubectl("taint", "node", SPOT_NODE, f"{NOTICE}=soon:NoSchedule")
        for role in ROLES:
            eventually("the node is left", partial(only_elsewhere, roaming.md, role), within=SETTLED_SECONDS)
        then.settled(roaming.md)
    assert not before & set(roaming.md.live_pods("worker"))
    then.no_request_failed(load.result, at_least=300)


def test_a_node_that_stays_after_all_is_used_again(given: Given, when: When, then: Then) -> None:
    """By a Pod too that was made while it was about to go, and fits nowhere else."""
    kubectl = given.cluster.kubectl
    kubectl("taint", "node", SPOT_NODE, f"{NOTICE}=soon:NoSchedule")
    only_there = {"nodeSelector": {"kubernetes.io/hostname": SPOT_NODE}}
    try:
        md = when.applied(given.knobs_manifest("patient", placement=only_there))
        then.condition(md, "Degraded", "True", reasons={"Unschedulable"}, saying="fits on no node", within=60)
    finally:
        kubectl("taint", "node", SPOT_NODE, f"{NOTICE}-")
    then.settled(md)
    assert nodes(md, "worker") == {SPOT_NODE}
    given.cluster.delete("md", md.name, ROLLOUT_NAMESPACE)


def test_a_drained_node_takes_no_request_with_it(roaming: Served, when: When, then: Then) -> None:
    """As `kubectl drain` does it, with the disruption budgets. What a lost head means is in test_chaos."""
    node = roaming.md.pods("worker")[0]["spec"]["nodeName"]
    before = {name_of(pod) for role in ROLES for pod in roaming.md.pods(role) if pod["spec"]["nodeName"] == node}
    with when.loaded(roaming, 30) as load:
        # Our clients are in Pods that nothing brings back.
        mine = f"--pod-selector={roaming.md.selector},eagleray.dev/role in ({','.join(ROLES)})"
        options = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", mine)
        try:
            roaming.md.cluster.kubectl("drain", node, *options, "--timeout=180s", timeout=190)
        finally:
            roaming.md.cluster.kubectl("uncordon", node)
        then.settled(roaming.md)
    assert not before & {name for role in ROLES for name in roaming.md.live_pods(role)}
    then.no_request_failed(load.result, at_least=300)


def test_a_share_of_the_workers_stays_off_spot_nodes_at_every_scale(roaming: Served, when: When, then: Then) -> None:
    with when.loaded(roaming, 30) as load:
        when.changed(roaming.md, {"placement": {"spot": "Prefer", "onDemandMin": "50%"}})
        then.settled(roaming.md)
        found = [pod["spec"]["nodeName"] for pod in roaming.md.pods("worker")]
        assert (len(found), found.count(SPOT_NODE)) == (2, 1), found
        when.changed(roaming.md, {"replicas": 1})
        then.settled(roaming.md)
        then.pods(roaming.md, "worker", 1, within=SETTLED_SECONDS)
        assert SPOT_NODE not in nodes(roaming.md, "worker")
    then.no_request_failed(load.result, at_least=300)


def test_an_accelerator_is_found_by_its_label_or_said_to_be_missing(given: Given, when: When, then: Then) -> None:
    given.operator()
    given.client(ROLLOUT_NAMESPACE)
    resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"nvidia.com/gpu": "0.5"}}
    pairs = {"replicas": 2, "resources": resources, "workers": {"replicasPerPod": 2}}
    md = when.applied(given.knobs_manifest("accelerated", **pairs, placement={"accelerator": "nvidia-h200"}))
    there = "no node has the accelerator nvidia-h200; there is: nvidia-a10g on 1"
    then.condition(md, "Degraded", "True", reasons={"Unschedulable"}, saying=there, within=60)
    when.changed(md, {"placement": {"accelerator": "abacus"}})
    then.condition(md, "Stalled", "True", reasons={"InvalidSpec"}, saying="knows no 'abacus'; it knows: ", within=30)
    when.changed(md, {"placement": {"accelerator": "nvidia-a10g"}})
    then.settled(md)
    (worker,) = md.pods("worker")
    assert worker["spec"]["nodeName"] == GPU_NODE
    assert worker["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1", "two replicas share it"
    when.changed(md, {"workers": {"replicasPerPod": 1}})
    then.condition(md, "Stalled", "True", reasons={"InvalidSpec"}, saying="workers.replicasPerPod: 2", within=30)
    assert GPU_NODE not in {pod["spec"]["nodeName"] for pod in md.pods("head")}
    given.cluster.delete("md", md.name, ROLLOUT_NAMESPACE)
