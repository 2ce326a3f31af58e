"""Pods are let go only for an owner that is known to be gone, workers first."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from eagleray.engine.departed import IDLE_GRACE_SECONDS, Departed
from eagleray.engine.tools import Tools
from eagleray.kube.errors import NotServedError, TransientError
from eagleray.kube.kinds import MODEL_DEPLOYMENT, POD, Key, Manifest, Ref
from eagleray.kube.store import Held, Store
from fakes.kube import FakeKube

KEY = Key("ns", "m")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD, WORKER = "m-default-0a1b2c3d-head-1", "m-default-0a1b2c3d-w1-0"
LABELS = {"app.kubernetes.io/managed-by": "eagleray", "eagleray.dev/name": "m"}


def model(uid: str = "new", **meta: Any) -> Manifest:
    api, kind = MODEL_DEPLOYMENT.api_version, MODEL_DEPLOYMENT.kind
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "m", "namespace": "ns", "uid": uid, **meta}}


def pod(name: str, owner: str, **meta: Any) -> Manifest:
    reference = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "m", "uid": owner}
    owners = [{**reference, "controller": True}] if owner else []
    found = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "labels": LABELS, "ownerReferences": owners, **meta}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": found,
        "spec": {"containers": [{"name": "ray", "image": "i"}]},
        "status": {"podIP": "10.0.0.1"},
    }


@dataclass
class Kube(FakeKube):
    graces: dict[str, int | None] = field(default_factory=dict)

    def __init__(self, *manifests: Manifest) -> None:
        super().__init__(*manifests)
        self.graces = {}

    async def delete(self, ref: Ref, **options: Any) -> Manifest | None:
        self.graces[ref.name] = options["grace_seconds"]
        return await super().delete(ref, **options)


@dataclass
class Peers:
    ended: list[str] = field(default_factory=list)

    async def shut_down_raylet(self, owner: Key, ip: str, token: str) -> None:  # noqa: ARG002
        self.ended.append(ip)


@dataclass
class Settings:
    token_key: bytes = b"key"


class Bench:
    def __init__(self, *manifests: Manifest) -> None:
        self.kube, self.peers, store = Kube(*manifests), Peers(), Store()
        for manifest in self.kube.objects.values():
            store.put(manifest)
        self.store = store
        peers, settings, nobody = cast("Any", self.peers), cast("Any", Settings()), cast("Any", None)
        tools = Tools(self.kube, store, peers, nobody, settings, lambda: NOW, nobody, nobody, nobody)
        self.departed = Departed(tools)

    def pods(self) -> list[Held]:
        held = (self.store.get(ref) for ref in list(self.kube.objects) if ref.kind == POD)
        return [one for one in held if one]

    @property
    def deleted(self) -> list[str]:
        return [ref.name for verb, ref in self.kube.calls if verb == "delete"]


async def test_the_pods_of_one_that_is_gone_end_soon_workers_first() -> None:
    bench = Bench(pod(HEAD, "old"), pod(WORKER, "old"))
    assert await bench.departed.let_go(KEY, bench.pods()) == IDLE_GRACE_SECONDS + 1
    assert bench.deleted == [WORKER, HEAD]
    assert set(bench.kube.graces.values()) == {IDLE_GRACE_SECONDS}


@pytest.mark.parametrize(
    ("owner", "goes"),
    [
        (model("old"), False),
        (model("another"), True),
        (model("old", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["foregroundDeletion"]), True),
        (model("old", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["orphan"]), False),
    ],
    ids=["it lives", "another of its name", "foreground", "orphaned on purpose"],
)
async def test_who_is_gone_is_asked_live(owner: Manifest, goes: bool) -> None:  # noqa: FBT001 - a column of the table
    bench = Bench(owner, pod(WORKER, "old"))
    await bench.departed.let_go(KEY, bench.pods())
    assert bench.deleted == ([WORKER] if goes else [])


@pytest.mark.parametrize("error", [NotServedError("404 page not found", status=404), TransientError("no answer")])
async def test_who_does_not_know_lets_nobody_go(error: Any) -> None:
    """A bare 404 is what a version gives that is not served any more, or what stands in front of the API server."""
    bench = Bench(pod(WORKER, "old"))
    bench.kube.fail["get"] = [error]
    with pytest.raises(TransientError):
        await bench.departed.let_go(KEY, bench.pods())
    assert bench.deleted == []


async def test_orphans_and_pods_that_are_not_rays_stay() -> None:
    bench = Bench(pod(WORKER, ""), pod("m-router-7d9f-abcde", "old"))
    await bench.departed.let_go(KEY, bench.pods())
    assert bench.deleted == []


async def test_one_that_was_orphaned_of_which_no_event_has_told_yet_stays() -> None:
    bench = Bench(pod(WORKER, "old"))
    held = bench.pods()
    bench.kube.objects[Ref(POD, "ns", WORKER)]["metadata"]["ownerReferences"] = []
    await bench.departed.let_go(KEY, held)
    assert bench.deleted == []


@pytest.mark.parametrize(("grace", "asked_again"), [(110, True), (IDLE_GRACE_SECONDS, False)])
async def test_one_that_ends_soon_already_is_not_asked_again(grace: int, asked_again: bool) -> None:  # noqa: FBT001
    ends = (NOW + timedelta(seconds=grace)).isoformat()
    bench = Bench(pod(WORKER, "old", deletionTimestamp=ends, deletionGracePeriodSeconds=grace))
    await bench.departed.let_go(KEY, bench.pods())
    assert bench.deleted == ([WORKER] if asked_again else [])


async def test_where_the_collector_was_faster_the_raylet_is_ended_when_the_shorter_period_is_over() -> None:
    ends = (NOW - timedelta(seconds=1)).isoformat()
    bench = Bench(pod(WORKER, "old", deletionTimestamp=ends))
    await bench.departed.let_go(KEY, bench.pods())
    assert bench.peers.ended == ["10.0.0.1"]
    assert bench.deleted == []


async def test_one_that_cannot_be_deleted_holds_up_no_other() -> None:
    bench = Bench(pod(HEAD, "old"), pod(WORKER, "old"))
    bench.kube.fail["delete"] = [TransientError("no answer")]
    with pytest.raises(TransientError):
        await bench.departed.let_go(KEY, bench.pods())
    assert bench.deleted == [WORKER, HEAD]
