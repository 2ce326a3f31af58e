"""The store against a small truth: whatever order, gaps and duplicates events come in, it ends as the cluster is."""

import copy
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.goals.fleet import Fleet
from eagleray.engine.nodes import NodeBook
from eagleray.kube.client import Listed
from eagleray.kube.kinds import HELD, MODEL_DEPLOYMENT, POD, SERVICE, Kind, Manifest, Ref
from eagleray.kube.relist import Relist
from eagleray.kube.store import Store
from eagleray.kube.trim import trim
from unit.kube.objects import child, model, pod

# An event: what a watch tells, and how.
Event = tuple[str, Manifest]

KINDS: tuple[Kind, ...] = (POD, SERVICE)
places = st.tuples(st.sampled_from(KINDS), st.sampled_from("ab"))
# "labels" takes an object's labels away, or gives them back: a watch by labels tells of a deletion, or an addition.
steps = st.lists(st.tuples(places, st.sampled_from(["write", "write", "delete", "labels"])), max_size=25)


class Cluster:
    """One history of a few objects, and the events by which it is told."""

    def __init__(self) -> None:
        self.version = 1
        self.events: list[Event] = [("MODIFIED", model())]
        self.objects: dict[tuple[Kind, str], Manifest] = {}
        self.hidden: set[tuple[Kind, str]] = set()

    def write(self, place: tuple[Kind, str]) -> None:
        kind, name = place
        self.version += 1
        before = self.objects.get(place)
        uid = before["metadata"]["uid"] if before else f"{kind.plural}-{name}-{self.version}"
        manifest = child(kind, name, model(), self.version, uid=uid, annotations={"n": str(self.version)})
        self.objects[place] = manifest
        if place not in self.hidden:
            self.events.append(("MODIFIED", manifest))

    def delete(self, place: tuple[Kind, str]) -> None:
        if place in self.objects:
            self.version += 1
            self.tell_gone(place)
            del self.objects[place]
            self.hidden.discard(place)

    def labels(self, place: tuple[Kind, str]) -> None:
        if place in self.hidden:
            self.hidden.remove(place)
            self.write(place)
        elif place in self.objects:
            self.version += 1
            self.tell_gone(place)
            self.hidden.add(place)

    def tell_gone(self, place: tuple[Kind, str]) -> None:
        if place not in self.hidden:
            last = copy.deepcopy(self.objects[place])
            last["metadata"]["resourceVersion"] = str(self.version)
            self.events.append(("DELETED", last))

    def listed(self, kind: Kind) -> Listed:
        items = [m for (k, name), m in self.objects.items() if k == kind and (k, name) not in self.hidden]
        return Listed(items, str(self.version))

    def visible(self) -> dict[Ref, tuple[str, Manifest]]:
        found = {Ref.of(m): m for kind in KINDS for m in self.listed(kind).items} | {Ref.of(model()): model()}
        return {ref: (m["metadata"]["resourceVersion"], trim(m)) for ref, m in found.items()}


def history(chosen: list[tuple[tuple[Kind, str], str]]) -> Cluster:
    cluster = Cluster()
    for place, what in chosen:
        getattr(cluster, what)(place)
    return cluster


def tell(store: Store, event: Event) -> None:
    what, manifest = event
    (store.remove if what == "DELETED" else store.put)(copy.deepcopy(manifest))


def content(store: Store) -> dict[Ref, tuple[str, Manifest]]:
    found = {}
    held = [store.get(Ref.of(model())), *store.owned("modeldeployments-churn")]
    for one in held:
        if one is not None:
            body = one.body
            found[one.ref] = (body["metadata"].pop("resourceVersion"), body)
    return found


@given(chosen=steps, seed=st.integers(), doubled=st.booleans())
def test_any_order_of_events_ends_in_the_same_world(
    chosen: list[tuple[tuple[Kind, str], str]],
    seed: int,
    doubled: bool,  # noqa: FBT001
) -> None:
    # Own writes are put at once, before the events of whatever came before them: an order like any other.
    cluster, store = history(chosen), Store()
    events = cluster.events * (2 if doubled else 1)
    random.Random(seed).shuffle(events)  # noqa: S311
    for event in events:
        tell(store, event)
    assert content(store) == cluster.visible()
    assert store.lost() == ()


def pages(listed: Listed, rng: random.Random) -> Iterator[Listed]:
    """The same list, some objects at a time."""
    begin, count = 0, len(listed.items)
    while begin < count or not begin:
        end = begin + rng.randint(1, 5)
        yield Listed(listed.items[begin:end], listed.version, "more" if end < count else "")
        begin = end


@given(before=steps, after=steps, seed=st.integers(), lost=st.sets(st.integers(0, 25)))
def test_a_list_makes_up_for_whatever_was_not_told(
    before: list[tuple[tuple[Kind, str], str]],
    after: list[tuple[tuple[Kind, str], str]],
    seed: int,
    lost: set[int],
) -> None:
    # Some events before the list are lost, some come after it, and some of what comes after it is told before.
    rng = random.Random(seed)  # noqa: S311
    cluster, store = history(before), Store()
    old = [e for n, e in enumerate(cluster.events) if n not in lost or e[1]["kind"] == MODEL_DEPLOYMENT.kind]
    lists = {kind: copy.deepcopy(cluster.listed(kind)) for kind in KINDS}
    told = len(cluster.events)
    for place, what in after:
        getattr(cluster, what)(place)
    told_last = [*old, *cluster.events[told:]]
    rng.shuffle(told_last)
    split = rng.randint(0, len(told_last))
    for event in told_last[:split]:
        tell(store, event)
    later = told_last[split:]
    for kind, listed in lists.items():
        relist = Relist(store, kind, None)
        for page in pages(listed, rng):
            relist.take(page)
            while later and rng.random() < 0.3:
                tell(store, later.pop(0))
        relist.end()
    for event in later:
        tell(store, event)
    assert content(store) == cluster.visible()


@given(chosen=steps)
def test_whatever_changes_wakes_its_owner_once_it_is_told(chosen: list[tuple[tuple[Kind, str], str]]) -> None:
    cluster, store = history(chosen), Store()
    for what, manifest in cluster.events:
        keys = (store.remove if what == "DELETED" else store.put)(manifest)
        assert {str(key) for key in keys} == {"ns/churn"}
        assert (store.remove if what == "DELETED" else store.put)(manifest) == frozenset()


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=3,
)
FULL = {
    **pod("p", model(), node="n"),
    "status": {
        "phase": "Running",
        "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "ray", "state": {"waiting": {"reason": "r"}}, "imageID": "i"}],
    },
}
FULL["metadata"] |= {"managedFields": [{"manager": "eagleray"}], "annotations": {"a": "b"}, "finalizers": ["f"]}


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, part in below for path in paths(part, (*here, key)))][0 if here else 1 :]


def broken(manifest: Manifest, path: tuple[Any, ...], value: Any) -> Manifest:
    changed: Any = copy.deepcopy(manifest)
    inside = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return dict(changed)


@given(
    path=st.sampled_from(paths(FULL)),
    value=json,
    kind=st.sampled_from(HELD),
    other=st.sampled_from(paths(FULL)),
)
def test_a_broken_object_stops_nobody(path: tuple[Any, ...], value: Any, kind: Kind, other: tuple[Any, ...]) -> None:
    named = {**FULL, "apiVersion": kind.api_version, "kind": kind.kind}
    store = Store()
    for manifest in (model(), named, broken(named, path, value), broken(named, other, value), pod("q", model())):
        store.put(manifest)
        store.owned("modeldeployments-churn")
        store.pods_on("n")
        store.lost()
    store.remove(broken(named, path, value))
    relist = Relist(store, kind, None)
    relist.take(Listed([broken(named, other, value)], "9"))
    relist.end()
    assert store.get(Ref(POD, "ns", "q")) is not None or kind == POD
    for held in store.owned("modeldeployments-churn"):
        assert all(isinstance(text, str) for text in (held.uid, held.controller, held.node, *held.labels.values()))
        assert held.body["metadata"]["name"] == held.ref.name


NODE_MANIFEST: Manifest = {
    "metadata": {"name": "n", "labels": {"gpu": "T4"}},
    "spec": {"unschedulable": False, "taints": [{"key": "spot-itn", "effect": "NoSchedule"}]},
    "status": {"conditions": [{"type": "PreemptScheduled", "status": "True"}]},
}
FLEET = Fleet(notices=["spot-itn", "PreemptScheduled"], accelerators={"t4": {"gpu": ["T4"]}})


@given(path=st.sampled_from(paths(NODE_MANIFEST)), value=json)
def test_a_broken_node_stops_nobody(path: tuple[Any, ...], value: Any) -> None:
    book = NodeBook(FLEET)
    book.see(broken(NODE_MANIFEST, path, value))
    assert book.see({**NODE_MANIFEST, "metadata": {"name": "other"}})
    assert "other" in book.leaving()
