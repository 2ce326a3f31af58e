"""Children are made, adopted, set right, and left alone where they are as they should be."""

from typing import Any

import pytest

from eagleray.engine.children import Applied, Children
from eagleray.engine.parts import NameLeavingError, NameTakenError
from eagleray.kube.kinds import CONFIG_MAP, CONTROLLER_REVISION, HTTP_ROUTE, INGRESS, SERVICE, Kind, Manifest, Ref
from eagleray.kube.store import Store
from eagleray.kube.written import Written
from fakes.kube import FakeKube

OURS = {"app.kubernetes.io/managed-by": "eagleray", "eagleray.dev/name": "m"}


def owner(uid: str = "u") -> Manifest:
    return {
        "apiVersion": "eagleray.dev/v1alpha1",
        "kind": "ModelDeployment",
        "name": "m",
        "uid": uid,
        "controller": True,
    }


def child(kind: Any = SERVICE, name: str = "m", uid: str = "u", **rest: Any) -> Manifest:
    body = rest or {"spec": {"selector": {"a": "b"}}}
    meta = {"name": name, "namespace": "ns", "labels": dict(OURS), "ownerReferences": [owner(uid)]}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **body}


def cluster(*manifests: Manifest, seen: bool = True) -> tuple[FakeKube, Store, Children]:
    kube, store = FakeKube(*manifests), Store()
    if seen:
        for manifest in kube.objects.values():
            store.put(manifest)
    return kube, store, Children(Written(kube, store), store, Applied())


async def test_what_is_missing_is_made_once() -> None:
    kube, _, children = cluster()
    wanted = child(CONFIG_MAP, data={"f": "text"})
    await children.ensure(wanted)
    await children.ensure(wanted)
    assert kube.calls == [("create", Ref(CONFIG_MAP, "ns", "m"))]


@pytest.mark.parametrize("kind", [SERVICE, INGRESS, HTTP_ROUTE, CONTROLLER_REVISION])
async def test_what_may_lose_fields_is_applied_from_the_first_time_on(kind: Kind) -> None:
    """The API server takes a field away that its manager applied once and applies no more, not one that it created."""
    kube, _, children = cluster()
    await children.ensure(child(kind))
    await children.ensure(child(kind))
    place = Ref(kind, "ns", "m")
    assert kube.calls == [("get", place), ("apply", place)]


@pytest.mark.parametrize(
    ("wanted", "edited"),
    [
        (child(), {"spec": {"selector": {"a": "b", "also": "this"}}}),
        (child(), {"spec": {"selector": {"a": "c"}}}),
        (child(CONFIG_MAP, data={"f": "text"}), {"data": {"f": "other"}}),
        (child(CONFIG_MAP, data={"f": "text"}), {"data": {}}),
    ],
)
async def test_what_was_edited_is_set_right_by_one_write(wanted: Manifest, edited: Manifest) -> None:
    kube, _, children = cluster({**wanted, **edited})
    await children.ensure(wanted)
    await children.ensure(wanted)
    assert kube.calls == [("apply", Ref.of(wanted))]


@pytest.mark.parametrize("wanted", [child(), child(CONFIG_MAP, data={"f": "text"})])
async def test_what_is_as_it_should_be_costs_nothing(wanted: Manifest) -> None:
    kube, _, children = cluster({**wanted, "metadata": {**wanted["metadata"], "annotations": {"somebody's": "own"}}})
    await children.ensure(wanted)
    assert kube.calls == []


async def test_what_was_as_wanted_is_compared_again_when_either_changes() -> None:
    kube, store, children = cluster(child())
    await children.ensure(child())
    await children.ensure(child())
    assert kube.calls == []
    other = child(spec={"selector": {"a": "other"}})
    await children.ensure(other)
    assert kube.calls == [("apply", Ref(SERVICE, "ns", "m"))]
    held = kube.objects[Ref(SERVICE, "ns", "m")]
    store.put({**held, **child(), "metadata": held["metadata"] | {"resourceVersion": "99"}})
    await children.ensure(other)
    assert kube.calls == [("apply", Ref(SERVICE, "ns", "m"))] * 2


async def test_nothing_is_remembered_of_a_child_that_goes() -> None:
    _, _, children = cluster(child())
    await children.ensure(child())
    assert children.applied.same
    children.applied.forget(Ref(SERVICE, "ns", "m"))
    assert not children.applied.same


async def test_what_a_webhook_makes_of_a_child_is_not_written_over_and_over() -> None:
    class Changed(FakeKube):
        async def apply(self, manifest: Manifest, **options: Any) -> Manifest:
            return await super().apply({**manifest, "spec": {"selector": {"a": "as the webhook wants it"}}}, **options)

    wanted = child()
    kube, store = Changed({**wanted, "spec": {"selector": {"a": "edited"}}}), Store()
    for manifest in kube.objects.values():
        store.put(manifest)
    children = Children(Written(kube, store), store, Applied())
    for _ in range(3):
        await children.ensure(wanted)
    assert kube.calls == [("apply", Ref.of(wanted))]


async def test_a_revision_is_made_by_server_side_apply() -> None:
    """What is posted may never be patched again: the API server compares the bytes of its data."""
    kube, _, children = cluster()
    await children.ensure(child(CONTROLLER_REVISION, data={"image": "i"}))
    assert [verb for verb, _ in kube.writes] == ["apply"]


async def test_an_orphan_is_adopted() -> None:
    orphan = child()
    del orphan["metadata"]["ownerReferences"]
    kube, store, children = cluster(orphan)
    await children.ensure(child())
    held = store.get(Ref.of(orphan))
    assert held is not None
    assert held.controller == "u"
    assert [verb for verb, _ in kube.writes] == ["apply"]


@pytest.mark.parametrize("seen", [True, False])
async def test_what_another_made_is_never_written(seen: bool) -> None:  # noqa: FBT001 - a parameter of the table
    theirs = child()
    theirs["metadata"]["labels"] = {}
    del theirs["metadata"]["ownerReferences"]
    kube, _, children = cluster(theirs, seen=seen)
    with pytest.raises(NameTakenError, match="Service m exists"):
        await children.ensure(child())
    assert not [verb for verb, _ in kube.writes if verb != "create"]


@pytest.mark.parametrize(
    "changes", [{"ownerReferences": [owner("gone")]}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}]
)
async def test_what_leaves_with_another_object_is_waited_for(changes: Manifest) -> None:
    leaving = child()
    leaving["metadata"] |= changes
    kube, _, children = cluster(leaving)
    with pytest.raises(NameLeavingError):
        await children.ensure(child())
    assert kube.writes == []


async def test_one_that_lost_its_labels_and_so_is_not_seen_gets_them_back() -> None:
    bare = child()
    bare["metadata"]["labels"] = {}
    kube, _, children = cluster(bare, seen=False)
    await children.ensure(child())
    assert kube.objects[Ref.of(bare)]["metadata"]["labels"] == OURS
