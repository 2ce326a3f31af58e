"""The simulated API server does what a real one does, where an operator can tell."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from eagleray.kube.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    EVENT,
    MODEL_DEPLOYMENT,
    POD,
    SECRET,
    SERVICE,
    Kind,
    Manifest,
    Ref,
)
from fakes import virtual_time
from simulated.admission import Quota
from simulated.api_server import ApiServer, Deletion
from simulated.clock import Clock
from simulated.defaults import quantity
from simulated.garbage import GarbageCollector
from simulated.objects import RefusedError, is_ending, refuse, with_meta
from simulated.story import Story
from simulated.watches import Watches

SEED = random.Random(1)  # noqa: S311 - chance that can be had again
Test = Callable[[ApiServer], Awaitable[None]]


def on_server(test: Test) -> Callable[[], None]:
    """Run a test on a server of its own, in virtual time."""

    def run() -> None:
        async def main() -> None:
            await test(ApiServer(Clock()))

        virtual_time.run(main())

    run.__name__ = test.__name__
    return run


def made(kind: Kind, name: str, labels: dict[str, str] | None = None, **fields: Any) -> Manifest:
    meta: Manifest = {"name": name, "namespace": "ns", "labels": labels or {"app": "m"}}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **fields}


def pod(name: str = "p", **spec: Any) -> Manifest:
    return made(POD, name, spec={"containers": [{"name": "ray", "image": "a:1"}], **spec})


def owned(manifest: Manifest, owner: Manifest, *, blocks: bool = True) -> Manifest:
    meta = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return with_meta(manifest, ownerReferences=[{**reference, "controller": True, "blockOwnerDeletion": blocks}])


def ref(kind: Kind, name: str) -> Ref:
    return Ref(kind, "ns", name)


def refused(status: int, do: Callable[[], object]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        do()
    assert caught.value.status == status
    return caught.value


@on_server
async def test_versions_grow_and_what_changes_nothing_is_no_version(server: ApiServer) -> None:
    first = server.create(made(CONFIG_MAP, "c", data={"a": "1"}), "x")
    same = server.patch(ref(CONFIG_MAP, "c"), {"data": {"a": "1"}}, "x")
    other = server.patch(ref(CONFIG_MAP, "c"), {"data": {"a": "2"}}, "x")
    assert same["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert int(other["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    refused(409, lambda: server.create(made(CONFIG_MAP, "c"), "x"))


@on_server
async def test_the_generation_is_that_of_the_spec(server: ApiServer) -> None:
    model = made(MODEL_DEPLOYMENT, "m", spec={"model": {"framework": "sklearn", "uri": "pvc://a/b"}})
    assert server.create({**model, "status": {"url": "x"}}, "x").get("status") is None
    server.apply_status({**model, "status": {"observedGeneration": 1}}, "eagleray-status")
    assert server.get(ref(MODEL_DEPLOYMENT, "m"))["metadata"]["generation"] == 1
    server.patch(ref(MODEL_DEPLOYMENT, "m"), {"spec": {"replicas": 2}}, "x")
    live = server.get(ref(MODEL_DEPLOYMENT, "m"))
    assert (live["metadata"]["generation"], live["status"]) == (2, {"observedGeneration": 1})


@on_server
async def test_apply_sets_ours_and_leaves_theirs(server: ApiServer) -> None:
    server.apply(made(SERVICE, "s", {"app": "m", "old": "1"}, spec={"selector": {"a": "1", "b": "2"}}), "us")
    server.patch(ref(SERVICE, "s"), {"metadata": {"labels": {"team": "blue"}, "annotations": {"x": "y"}}}, "person")
    live = server.apply(made(SERVICE, "s", {"app": "n"}, spec={"selector": {"a": "1"}}), "us")
    assert live["metadata"]["labels"] == {"app": "n", "team": "blue"}, (
        "ours is set, what we left out goes, theirs stays"
    )
    assert live["spec"]["selector"] == {"a": "1"}, "a selector is set as a whole"
    assert {m["manager"] for m in live["metadata"]["managedFields"]} == {"us", "person"}


@on_server
async def test_apply_takes_over_only_by_force(server: ApiServer) -> None:
    server.apply(made(CONFIG_MAP, "c", data={"a": "1"}), "us")
    server.patch(ref(CONFIG_MAP, "c"), {"data": {"a": "2"}}, "person")
    wanted = made(CONFIG_MAP, "c", data={"a": "1"})
    assert "person" in str(refused(409, lambda: server.apply(wanted, "us", force=False)))
    assert server.apply(wanted, "us")["data"] == {"a": "1"}


@on_server
async def test_apply_takes_nothing_away_that_it_did_not_set(server: ApiServer) -> None:
    server.create(made(CONFIG_MAP, "c", data={"a": "1", "b": "2"}), "us")
    server.apply(made(CONFIG_MAP, "c", data={"a": "1"}), "us")
    assert server.get(ref(CONFIG_MAP, "c"))["data"] == {"a": "1", "b": "2"}, "what was posted is not what was applied"


@on_server
async def test_items_of_named_lists_are_merged(server: ApiServer) -> None:
    def inject(verb: str, manifest: Manifest) -> Manifest:
        if verb != "CREATE":
            return manifest
        containers = [*manifest["spec"]["containers"], {"name": "side", "image": "s:1"}]
        return {**manifest, "spec": {**manifest["spec"], "containers": containers}}

    server.admission.webhooks["injector"] = inject
    server.apply(pod("p"), "us")
    again = server.apply(pod("p"), "us")
    assert [c["name"] for c in again["spec"]["containers"]] == ["ray", "side"]


@on_server
async def test_preconditions(server: ApiServer) -> None:
    live = server.create(made(CONFIG_MAP, "c", data={"a": "1"}), "x")
    stale = {"metadata": {"resourceVersion": "0"}, "data": {"a": "2"}}
    refused(409, lambda: server.patch(ref(CONFIG_MAP, "c"), stale, "x"))
    refused(409, lambda: server.replace(with_meta(live, resourceVersion="0"), "x"))
    refused(409, lambda: server.delete(ref(CONFIG_MAP, "c"), Deletion(uid="another"), "x"))
    refused(409, lambda: server.delete(ref(CONFIG_MAP, "c"), Deletion(version="0"), "x"))
    server.delete(ref(CONFIG_MAP, "c"), Deletion(uid=live["metadata"]["uid"]), "x")
    error = refused(404, lambda: server.get(ref(CONFIG_MAP, "c")))
    assert isinstance(error.body, dict)
    assert (error.body["reason"], error.body["details"]["name"]) == ("NotFound", "c")
    refused(409, lambda: server.apply(with_meta(made(CONFIG_MAP, "c"), uid=live["metadata"]["uid"]), "x"))


@on_server
async def test_the_first_deletion_of_a_pod_sets_its_grace_and_a_later_one_may_shorten_it(server: ApiServer) -> None:
    server.create(pod("p", terminationGracePeriodSeconds=100, nodeName="n"), "x")
    first = server.delete(ref(POD, "p"), Deletion(), "x")["metadata"]
    assert (first["deletionGracePeriodSeconds"], first["deletionTimestamp"]) == (100, "2026-01-01T00:01:40Z")
    longer = server.delete(ref(POD, "p"), Deletion(grace=200), "x")["metadata"]
    assert longer["deletionTimestamp"] == first["deletionTimestamp"]
    shorter = server.delete(ref(POD, "p"), Deletion(grace=5), "x")["metadata"]
    assert (shorter["deletionGracePeriodSeconds"], shorter["deletionTimestamp"]) == (5, "2026-01-01T00:00:05Z")
    server.delete(ref(POD, "p"), Deletion(grace=0), "x")
    assert server.find(ref(POD, "p")) is None


@on_server
async def test_a_pod_without_a_node_goes_at_once_and_one_with_a_finalizer_does_not(server: ApiServer) -> None:
    server.create(pod("p"), "x")
    server.delete(ref(POD, "p"), Deletion(), "x")
    assert server.find(ref(POD, "p")) is None
    server.create(with_meta(pod("q"), finalizers=["example.com/keep"]), "x")
    assert is_ending(server.delete(ref(POD, "q"), Deletion(grace=0), "x"))
    server.change(ref(POD, "q"), lambda live: with_meta(live, finalizers=None), "x")
    assert server.find(ref(POD, "q")) is None


@pytest.mark.parametrize("spaced", [True, False])
def test_a_controller_revision_is_immutable_by_its_bytes(*, spaced: bool) -> None:
    async def test() -> None:
        server = ApiServer(Clock())
        manifest = made(CONTROLLER_REVISION, "r", data={"b": 1, "a": {"c": 2}}, revision=1)
        if spaced:
            assert ": " in json.dumps(manifest["data"])
            server.create(manifest, "x")
            error = refused(422, lambda: server.patch(ref(CONTROLLER_REVISION, "r"), {"metadata": {"labels": {}}}, "x"))
            assert "field is immutable" in str(error)
            server.replace(with_meta(manifest, labels={"app": "n"}), "x")
        else:
            server.apply(manifest, "x")
            server.patch(ref(CONTROLLER_REVISION, "r"), {"metadata": {"labels": {"app": "n"}}}, "x")
        assert server.get(ref(CONTROLLER_REVISION, "r"))["metadata"]["labels"]["app"] == "n"
        refused(422, lambda: server.patch(ref(CONTROLLER_REVISION, "r"), {"data": {"b": 2}}, "x"))

    virtual_time.run(test())


@on_server
async def test_what_may_not_change_and_what_may_not_be(server: ApiServer) -> None:
    server.create(made(SECRET, "s", data={"a": "MQ=="}, immutable=True), "x")
    refused(422, lambda: server.patch(ref(SECRET, "s"), {"data": {"a": "Mg=="}}, "x"))
    server.create(pod("p"), "x")
    refused(422, lambda: server.patch(ref(POD, "p"), {"spec": {"restartPolicy": "Never"}}, "x"))
    refused(422, lambda: server.create(made(CONFIG_MAP, "c", data={"a": "x" * 2**20, "b": "x"}), "x"))
    refused(422, lambda: server.create(made(SERVICE, "v", {"app": "x" * 64}, spec={}), "x"))
    wrong = made(MODEL_DEPLOYMENT, "m", spec={"model": {"framework": "sklearn", "uri": "pvc://a/b"}, "replicas": -1})
    assert "spec.replicas" in str(refused(422, lambda: server.create(wrong, "x")))


@on_server
async def test_quota_and_webhooks(server: ApiServer) -> None:
    server.admission.quotas["ns"] = Quota(pods=1)
    server.create(pod("a"), "x")
    assert "exceeded quota" in str(refused(403, lambda: server.create(pod("b"), "x")))
    server.set_status(ref(POD, "a"), {"phase": "Failed"}, "kubelet")
    server.create(pod("b"), "x")
    server.admission.quotas["ns"] = Quota(limits={"cpu": "1"})
    assert "must specify limits.cpu for: ray" in str(refused(403, lambda: server.create(pod("c"), "x")))

    def broken(verb: str, manifest: Manifest) -> Manifest:
        raise refuse(503, "ServiceUnavailable", f"no endpoints for {verb} of {manifest['kind']}")

    server.admission.webhooks["injector"] = broken
    assert 'webhook "injector"' in str(refused(500, lambda: server.create(made(CONFIG_MAP, "c"), "x")))


@on_server
async def test_events_expire_after_an_hour(server: ApiServer) -> None:
    server.create(made(EVENT, "e"), "x")
    await asyncio.sleep(3000)
    server.patch(ref(EVENT, "e"), {"series": {"count": 2}}, "x")
    await asyncio.sleep(3000)
    assert server.find(ref(EVENT, "e")), "each write keeps it for another hour"
    await asyncio.sleep(1000)
    refused(404, lambda: server.patch(ref(EVENT, "e"), {"series": {"count": 3}}, "x"))


@pytest.mark.parametrize(("given", "kept"), [("0.5", "500m"), ("1000m", "1"), ("1024Mi", "1Gi"), ("1536Mi", "1536Mi")])
def test_quantities_are_written_in_one_form(given: str, kept: str) -> None:
    assert quantity(given) == kept


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
@pytest.mark.parametrize("spaced", [True, False])
def test_three_ways_of_deletion(propagation: str, *, spaced: bool) -> None:
    async def test() -> None:
        server = ApiServer(Clock())
        GarbageCollector(server, SEED, Story(1))
        owner = server.create(made(CONFIG_MAP, "owner"), "x")
        record = owned(made(CONTROLLER_REVISION, "r", data={"b": 1, "a": 2}, revision=1), owner)
        middle = server.create(record, "x") if spaced else server.apply(record, "x")
        server.create(owned(made(SERVICE, "s", spec={}), middle), "x")
        server.delete(ref(CONFIG_MAP, "owner"), Deletion(propagation=propagation), "x")
        assert (server.find(ref(CONFIG_MAP, "owner")) is None) == (propagation == "Background")
        await asyncio.sleep(60)
        stuck = spaced and propagation != "Background"
        there = [server.find(r) is not None for r in (ref(CONFIG_MAP, "owner"), ref(CONTROLLER_REVISION, "r"))]
        assert there == [stuck, stuck or propagation == "Orphan"], "the finalizer cannot be taken away from spaced data"
        assert (server.find(ref(SERVICE, "s")) is not None) == (propagation == "Orphan"), "its own owner is there"

    virtual_time.run(test())


@on_server
async def test_watches_tell_what_labels_select_and_gaps_leave_ghosts(server: ApiServer) -> None:
    seen: list[tuple[str | None, str]] = []
    watches = Watches(
        server,
        {CONFIG_MAP: {"app": ""}},
        SEED,
        Story(1),
        lambda _, what, manifest: seen.append((what, manifest["metadata"]["name"])),
    )
    server.create(made(CONFIG_MAP, "old"), "x")
    watches.start()
    server.create(made(CONFIG_MAP, "new"), "x")
    server.create(with_meta(made(CONFIG_MAP, "other"), labels=None), "x")
    server.patch(ref(CONFIG_MAP, "new"), {"metadata": {"labels": {"app": None}}}, "x")
    await asyncio.sleep(1)
    assert seen == [(None, "old"), ("ADDED", "new"), ("DELETED", "new")]
    seen.clear()
    watches.break_off(CONFIG_MAP, 5)
    server.delete(ref(CONFIG_MAP, "old"), Deletion(), "x")
    server.create(made(CONFIG_MAP, "late"), "x")
    await asyncio.sleep(10)
    assert seen == [(None, "late")], "nobody tells that the old one is gone"
    watches.weather.twice = 1.0
    server.delete(ref(CONFIG_MAP, "late"), Deletion(), "x")
    await asyncio.sleep(1)
    assert seen[1:] == [("DELETED", "late")] * 2
