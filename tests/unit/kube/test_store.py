import tracemalloc
from typing import Any

import pytest

from eagleray.kube.client import FIELD_MANAGER
from eagleray.kube.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HELD,
    LEASE,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    Key,
    Manifest,
    Ref,
)
from eagleray.kube.store import Store
from unit.kube.chain import CHAIN, CHURN, LABELS, MODEL, NOBODY, ONLY_CHURN, REPLICAS, ROUTER, at, filled
from unit.kube.objects import MANAGED, child, made, model, owner, pod


@pytest.mark.parametrize("manifest", CHAIN, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
@pytest.mark.parametrize("reverse", [False, True], ids=["owners first", "owners last"])
def test_whatever_is_below_an_object_is_found_and_wakes_it(manifest: Manifest, reverse: bool) -> None:  # noqa: FBT001
    store = filled(*(reversed(CHAIN) if reverse else CHAIN))
    assert store.put(at(manifest, 2, labels={**LABELS, "new": "label"}, annotations={"a": "b"})) == ONLY_CHURN
    assert store.remove(at(manifest, 3)) == ONLY_CHURN
    assert [(h.ref.kind, h.ref.name) for h in filled(*CHAIN).owned("modeldeployments-churn")] == [
        (CONTROLLER_REVISION, "churn-a"),
        (DEPLOYMENT, "churn-router"),
        (POD, "churn-a-head-0"),
        (POD, "churn-router-1-x"),
        (REPLICA_SET, "churn-router-1"),
        (SERVICE, "churn-a"),
    ]


FOREIGN = made(DEPLOYMENT, "mine", uid="foreign")


@pytest.mark.parametrize(
    ("manifest", "keys"),
    [
        pytest.param(pod("p", FOREIGN), NOBODY, id="our labels, another's child"),
        pytest.param(pod("p", model(uid="before")), ONLY_CHURN, id="left behind"),
        pytest.param(
            pod("p", model(), ownerReferences=[owner(DEPLOYMENT, "churn", "modeldeployments-churn", controller=False)]),
            NOBODY,
            id="an owner that controls nothing",
        ),
        pytest.param(pod("p", model(), ownerReferences=[]), ONLY_CHURN, id="to be adopted"),
        pytest.param(
            made(POD, "p", labels={"eagleray.dev/name": "churn"}), NOBODY, id="no owner and not all of our labels"
        ),
        pytest.param(pod("p", MODEL, namespace="other"), frozenset({Key("other", "churn")}), id="of another namespace"),
        pytest.param(child(SERVICE, "s", MODEL, namespace="other"), NOBODY, id="a Service of another namespace"),
        pytest.param(made(SECRET, "s"), NOBODY, id="a Secret"),
        pytest.param(made(LEASE, "l"), NOBODY, id="a kind that is not held"),
    ],
)
def test_whose_look_a_new_object_is_worth(manifest: Manifest, keys: frozenset[Key]) -> None:
    assert filled(MODEL).put(manifest) == keys


def test_a_reference_across_namespaces_makes_nothing_a_child() -> None:
    store = filled(MODEL, pod("mine", MODEL), pod("theirs", MODEL, namespace="other"))
    assert [held.ref.namespace for held in store.owned("modeldeployments-churn")] == ["ns"]


def test_an_owner_of_itself_ends_nowhere_and_in_no_loop() -> None:
    a, b = made(DEPLOYMENT, "a", uid="a"), made(DEPLOYMENT, "b", uid="b")
    a, b = child(DEPLOYMENT, "a", b, uid="a"), child(DEPLOYMENT, "b", a, uid="b")
    store = filled(a, b)
    assert store.put(at(a, 2, annotations={"a": "b"})) == NOBODY
    assert [held.uid for held in store.owned("a")] == ["b"]


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, NOBODY),
        ({"status": {"url": "u"}}, NOBODY),
        ({"metadata": {"managedFields": [{"manager": "m"}]}}, NOBODY),
        ({"metadata": {"generation": 2}, "spec": {"replicas": 2}}, ONLY_CHURN),
        ({"metadata": {"annotations": {"eagleray.dev/promote": "churn-a"}}}, ONLY_CHURN),
        ({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}}, NOBODY),
        ({"metadata": {"labels": {"team": "a"}}}, ONLY_CHURN),
        ({"metadata": {"finalizers": ["foregroundDeletion"]}}, ONLY_CHURN),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, ONLY_CHURN),
        ({"metadata": {"ownerReferences": [owner(DEPLOYMENT, "x", "x")]}}, ONLY_CHURN),
    ],
)
def test_which_changes_of_a_modeldeployment_are_worth_a_look(changes: dict[str, Any], keys: frozenset[Key]) -> None:
    store = filled(MODEL)
    changed = at(MODEL, 2, **changes.pop("metadata", {})) | changes
    assert store.put(changed) == keys
    held = store.get(Ref.of(MODEL))
    assert held is not None
    assert held.version == 2, "what is worth no look is held all the same"
    assert held.body.get("status") == changed.get("status")


@pytest.mark.parametrize(
    ("rest", "keys"),
    [
        ({"status": {"availableReplicas": 1}}, NOBODY),
        ({"spec": {"replicas": 0}}, ONLY_CHURN),
    ],
)
def test_a_childs_status_is_worth_no_look(rest: dict[str, Any], keys: frozenset[Key]) -> None:
    assert filled(MODEL, ROUTER).put(at(ROUTER, 2) | rest) == keys


def test_a_child_that_changes_its_owner_wakes_both() -> None:
    other = model("fraud")
    store = filled(MODEL, other, ROUTER)
    assert store.put(at(child(DEPLOYMENT, "churn-router", other), 2)) == {CHURN, Key("ns", "fraud")}


def test_what_a_held_object_says_of_itself() -> None:
    mine = pod("p", MODEL, 7, managedFields=[{"manager": FIELD_MANAGER}], deletionTimestamp="2026-01-01T00:00:00Z")
    held = filled(MODEL, mine).get(Ref.of(mine))
    assert held is not None
    assert (held.uid, held.version, held.controller) == ("pods-p", 7, "modeldeployments-churn")
    assert (held.deleting, held.ours) == (True, True)
    assert held.labels == {**MANAGED, "eagleray.dev/name": "churn"}
    body = held.body
    assert body["metadata"]["resourceVersion"] == "7"
    assert "managedFields" not in body["metadata"]
    body["metadata"].clear()
    assert held.body["metadata"], "whoever changes a body changes nothing that is held"


def test_pods_are_lost_while_their_owner_is_not_held() -> None:
    left, router = pod("left", model(uid="old")), pod("router", REPLICAS)
    store = filled(MODEL, pod("mine", MODEL), left, router)
    assert [held.ref.name for held in store.lost()] == ["left"]
    assert store.lost_of(CHURN) == store.lost()
    assert store.lost_of(Key("ns", "fraud")) == ()
    assert store.remove(MODEL) == ONLY_CHURN
    assert [held.ref.name for held in store.lost_of(CHURN)] == ["left", "mine"]


def test_an_object_is_gone_only_when_it_was_seen_to_go() -> None:
    store = filled(MODEL)
    assert not store.gone("modeldeployments-churn")
    assert not store.gone("never-seen")
    store.remove(at(MODEL, 2))
    assert store.gone("modeldeployments-churn")
    assert store.keys() == NOBODY
    store.put(model(version=3, uid="second"))
    store.put(model(version=4, uid="third"))
    assert store.gone("second"), "another object has its name"


def test_what_lost_its_labels_for_a_moment_is_held_again() -> None:
    # A watch by labels tells it as a deletion.
    store = filled(MODEL, ROUTER)
    store.remove(at(ROUTER, 2))
    assert store.put(at(ROUTER, 2)) == NOBODY
    assert store.put(at(ROUTER, 3)) == ONLY_CHURN
    assert not store.gone("deployments-churn-router")


def test_only_so_many_deleted_uids_are_remembered() -> None:
    store = Store(remembered=2)
    for n in range(3):
        store.remove(model(uid=f"u{n}"))
    assert [store.gone(f"u{n}") for n in range(3)] == [False, True, True]


def test_pods_on_a_node_name_whom_they_belong_to() -> None:
    store = filled(*CHAIN, pod("lost", model("fraud"), node="n1"), pod("x", FOREIGN, node="n1"))
    assert store.pods_on("n1") == {Key("ns", "fraud")}
    store.put(pod("churn-router-1-x", REPLICAS, 2, node="n1"))
    assert store.pods_on("n1") == {CHURN, Key("ns", "fraud")}
    assert store.pods_on("n2") == NOBODY


def test_objects_without_an_owner_are_found_by_label() -> None:
    orphan = pod("p", MODEL, ownerReferences=[])
    store = filled(MODEL, ROUTER, orphan)
    assert [held.ref.name for held in store.ownerless("ns", "churn")] == ["p"]
    assert store.ownerless("other", "churn") == ()
    store.put(pod("p", MODEL, 2))
    assert store.ownerless("ns", "churn") == ()


def test_a_version_that_is_no_number_counts_as_the_newest() -> None:
    store = filled(MODEL, pod("p", MODEL, 5))
    assert store.put(at(pod("p", MODEL), "x", annotations={"a": "b"})) == ONLY_CHURN
    assert store.put(at(pod("p", MODEL), 6, annotations={"a": "c"})) == ONLY_CHURN
    assert store.remove(at(pod("p", MODEL), "y")) == ONLY_CHURN


def test_what_is_no_json_is_not_held_and_stops_nobody() -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    store = filled(MODEL)
    assert store.put(child(CONTROLLER_REVISION, "r", MODEL, rest={"data": deep})) == NOBODY
    assert store.owned("modeldeployments-churn") == ()


def test_a_configmap_is_held_by_digests() -> None:
    store = filled(MODEL, child(CONFIG_MAP, "churn-router", MODEL, rest={"data": {"rds.json": "x" * 100_000}}))
    (held,) = store.owned("modeldeployments-churn")
    assert len(held.raw) < 1000
    changed = child(CONFIG_MAP, "churn-router", MODEL, 2, rest={"data": {"rds.json": "y"}})
    assert store.put(changed) == ONLY_CHURN


def test_a_secret_is_never_held() -> None:
    assert SECRET not in HELD


def worker(name: str, owned_by: Manifest, version: int) -> Manifest:
    """A Pod as large as they are: 12 KB."""
    status = {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": [{"type": t, "status": "True"} for t in ("Ready", "PodScheduled", "Initialized")],
        "containerStatuses": [{"name": "ray", "imageID": "r@sha256:" + "0" * 64, "state": {"running": {}}}],
    }
    env = [{"name": f"VARIABLE_{n}", "value": "value" * 10} for n in range(100)]
    spec = {"nodeName": f"node-{version % 100}", "containers": [{"name": "ray", "image": "i", "env": env}]}
    return pod(name, owned_by, version, rest={"spec": spec, "status": status})


def test_an_object_and_its_children_cost_60_kb_at_most() -> None:
    objects = 50
    tracemalloc.start()
    store = Store()
    for n in range(objects):
        owning = model(f"m{n}", rest={"spec": {"text": "x" * 2000}, "status": {"text": "x" * 3000}})
        revision = child(CONTROLLER_REVISION, f"r{n}", owning, rest={"data": {"template": "x" * 2000}})
        router = child(DEPLOYMENT, f"d{n}", owning, rest={"spec": {"template": "x" * 2500}})
        others = [child(SERVICE, f"s{n}", revision), child(REPLICA_SET, f"rs{n}", router), router, revision, owning]
        for manifest in (*others, *(worker(f"p{n}-{i}", owning, n) for i in range(6))):
            store.put(manifest)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(store.keys()) == objects
    assert held / objects < 60e3


def test_what_no_watch_tells_of_and_nobody_of_ours_controls_is_not_held() -> None:
    theirs = made(SERVICE, "churn", 5)
    store = filled(MODEL, theirs)
    assert store.get(Ref.of(theirs)) is None
    orphaned = pod("p", MODEL, 5)
    store.put(orphaned)
    assert store.put(at(orphaned, 6, labels={}, ownerReferences=[])) == ONLY_CHURN
    assert store.get(Ref.of(orphaned)) is None


def test_a_child_that_lost_the_labels_by_which_it_is_watched_is_there_all_the_same() -> None:
    """Its watch says that it was deleted; taken for gone, its requests would go elsewhere."""
    mine = pod("p", MODEL, 5)
    store = filled(MODEL, mine)
    assert store.remove(at(mine, 6, labels={})) == ONLY_CHURN
    held = store.get(Ref.of(mine))
    assert held is not None
    assert held.labels == {}
    assert store.remove(at(mine, 7, labels={}, deletionTimestamp="2026-01-01T00:00:00Z")) == ONLY_CHURN
    assert store.get(Ref.of(mine)) is None
