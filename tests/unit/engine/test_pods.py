from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.api.template import VersionTemplate
from eagleray.domain.facts.pod_health import pod_problem
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.facts.serve import (
    Application,
    AppStatus,
    DeploymentStatus,
    Replica,
    ReplicaState,
    ServeDeployment,
    ServeState,
)
from eagleray.domain.goals.fleet import Fleet
from eagleray.domain.goals.revision import Revision
from eagleray.engine.nodes import NodeBook
from eagleray.engine.observe import telling
from eagleray.engine.pods import ROUTER_POD, Identity, ray_identity, read_pod
from eagleray.resources.names import head_name, worker_name

REPO = "registry.example:5000/team/model"
WORKER = Identity("m-default-1", Role.WORKER, 1, 0)


def pod(image: str, image_id: str) -> dict[str, Any]:
    marks = {"eagleray.dev/role": "worker", "eagleray.dev/revision": "m-default-1", "eagleray.dev/incarnation": "1"}
    statuses = [{"name": "ray", "image": image, "imageID": image_id, "state": {"running": {}}}]
    meta = {"name": "m-default-1-w1-0", "uid": "u", "labels": marks, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {
        "metadata": meta,
        "spec": {"containers": [{"name": "ray", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }


@pytest.mark.parametrize(
    ("image", "image_id", "digest"),
    [
        (f"{REPO}:1", f"{REPO}@sha256:aa", "sha256:aa"),
        (REPO, f"{REPO}@sha256:aa", "sha256:aa"),
        (f"{REPO}:1@sha256:aa", f"{REPO}@sha256:aa", "sha256:aa"),
        ("python:3.12", "docker.io/library/python@sha256:aa", "sha256:aa"),
        ("python:3.12", "docker-pullable://python@sha256:aa", "sha256:aa"),
        # Put onto the node by hand, known there by another name, or not pulled yet: nobody could pull by this digest.
        (f"{REPO}:1", "sha256:aa", ""),
        (f"{REPO}:1", "import-2026-01-01@sha256:aa", ""),
        (f"{REPO}:1", "registry.example:5000/other@sha256:aa", ""),
        (f"{REPO}:1", "", ""),
    ],
)
def test_the_digest_is_that_of_the_registry(image: str, image_id: str, digest: str) -> None:
    assert read_pod(pod(image, image_id), WORKER, NodeBook(Fleet())).digest == digest


FLEET = Fleet.model_validate(
    {"accelerators": {"t4": {"gpu": ["T4"]}, "h100": {"gpu": ["H100"]}}, "notices": ["spot-itn", "PreemptScheduled"]}
)


def node(name: str, gpu: str = "", taint: str = "", condition: str = "", **meta: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"gpu": gpu} if gpu else {}, **meta},
        "spec": {"taints": [{"key": taint, "effect": "NoSchedule"}]} if taint else {},
        "status": {"conditions": [{"type": condition, "status": "True"}] if condition else []},
    }


@pytest.mark.parametrize(
    ("seen", "notice"),
    [
        (node("n", taint="spot-itn"), "taint spot-itn"),
        (node("n", condition="PreemptScheduled"), "condition PreemptScheduled"),
        (node("n", deletionTimestamp="2026-01-01T00:00:00Z"), "it is being deleted"),
        (node("n", taint="nvidia.com/gpu", condition="Ready"), ""),
    ],
)
def test_a_pod_is_told_that_its_node_is_about_to_go(seen: dict[str, Any], notice: str) -> None:
    book = NodeBook(FLEET)
    assert book.see(seen) == bool(notice)
    assert not book.see(seen), "nothing has changed"
    manifest = pod(REPO, "")
    manifest["spec"]["nodeName"] = "n"
    found = read_pod(manifest, WORKER, book)
    assert (found.notice, found.live) == (notice, not notice)
    assert book.leaving() == (("n",) if notice else ())
    assert book.see(node("n")) == bool(notice), "and that it stays after all"
    assert read_pod(manifest, WORKER, book).live


def test_a_pod_that_was_kept_off_a_node_is_told_that_it_stays() -> None:
    book = NodeBook(FLEET)
    manifest = pod(REPO, "")
    manifest["metadata"]["annotations"] = {"eagleray.dev/kept-off-nodes": "gone,n"}
    assert read_pod(manifest, WORKER, book).kept_off == ""
    book.see(node("n", taint="spot-itn"))
    assert read_pod(manifest, WORKER, book).kept_off == ""
    book.see(node("n"))
    assert read_pod(manifest, WORKER, book).kept_off == "n"
    assert read_pod(pod(REPO, ""), WORKER, book).kept_off == ""


@pytest.mark.parametrize(
    ("spec", "closed"),
    [
        ({}, False),
        ({"unschedulable": True}, True),
        ({"taints": [{"key": "x", "effect": "NoExecute"}]}, True),
        ({"taints": [{"key": "x", "effect": "PreferNoSchedule"}]}, False),
    ],
)
def test_a_node_that_takes_no_more_pods(spec: dict[str, Any], closed: bool) -> None:  # noqa: FBT001
    book = NodeBook(FLEET)
    book.see({**node("n"), "spec": spec})
    assert book.closed("n") == closed
    book.see(node("n"))
    assert not book.closed("n")


def test_an_accelerator_that_no_node_has_is_named_with_what_there_is() -> None:
    book = NodeBook(FLEET)
    manifest = pod(REPO, "")
    manifest["metadata"]["annotations"] = {"eagleray.dev/accelerator": "h100"}
    words = {"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}
    manifest["status"]["conditions"] = [words]
    assert read_pod(manifest, WORKER, book).unschedulable == "0/2 nodes are available", "nothing is known of any node"
    book.see(node("a", "T4"))
    book.see(node("b", "T4"))
    assert read_pod(manifest, WORKER, book).unschedulable == (
        "no node has the accelerator h100; there is: t4 on 2; 0/2 nodes are available"
    )
    book.see(node("c", "H100"))
    assert read_pod(manifest, WORKER, book).unschedulable == "0/2 nodes are available"
    book.forget("c")
    assert "there is: t4 on 2" in read_pod(manifest, WORKER, book).unschedulable


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("m-default-0a1b2c3d-head-12", Identity("m-default-0a1b2c3d", Role.HEAD, 12)),
        ("m-default-0a1b2c3d-w3-40", Identity("m-default-0a1b2c3d", Role.WORKER, 3, 40)),
        # A model may be called so.
        ("x-head-1-default-0a1b2c3d-w1-0", Identity("x-head-1-default-0a1b2c3d", Role.WORKER, 1, 0)),
        ("m-router-7d9f-abcde", None),
        ("m-default-0a1b2c3d-head-", None),
        ("foreign", None),
    ],
)
def test_a_ray_pod_is_known_by_its_name(name: str, told: Identity | None) -> None:
    assert ray_identity(name) == told


@given(st.sampled_from(["m", "x-head-1", "a-w1-2"]), st.integers(0, 10**6), st.integers(0, 10**4))
def test_names_that_are_made_are_read_back(model: str, incarnation: int, index: int) -> None:
    revision = Revision(f"{model}-default-0a1b2c3d", model, "ns", "default", VersionTemplate(), "image")
    head, worker = head_name(revision, incarnation), worker_name(revision, incarnation, index)
    assert ray_identity(head) == Identity(revision.name, Role.HEAD, incarnation)
    assert ray_identity(worker) == Identity(revision.name, Role.WORKER, incarnation, index)


def test_labels_that_anybody_may_edit_change_nothing_of_what_a_pod_is() -> None:
    manifest = pod(REPO, "")
    manifest["metadata"]["labels"] = {"eagleray.dev/role": "router", "eagleray.dev/incarnation": "many"}
    found = read_pod(manifest, WORKER, NodeBook(Fleet()))
    assert (found.role, found.revision, found.incarnation) == (Role.WORKER, "m-default-1", 1)


def test_a_sidecar_that_runs_does_not_hide_that_ray_has_ended() -> None:
    manifest = pod(REPO, "")
    ended = {"name": "ray", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}
    manifest["status"]["containerStatuses"] = [ended, {"name": "mesh", "state": {"running": {}}}]
    found = read_pod(manifest, WORKER, NodeBook(Fleet()))
    assert found.phase == "Running"
    assert found.terminated
    assert not found.live


@pytest.mark.parametrize(("told", "other"), [(WORKER, "envoy"), (ROUTER_POD, "ray")])
def test_a_sidecar_that_is_called_as_the_main_container_of_others_is_none(told: Identity, other: str) -> None:
    main = told.role.main_container
    manifest = pod(REPO, "")
    manifest["spec"]["containers"] = [{"name": name, "image": REPO} for name in (main, other)]
    ended = {"name": other, "state": {"terminated": {"exitCode": 0}}, "imageID": f"{REPO}@sha256:{'b' * 64}"}
    runs = {"name": main, "state": {"running": {}}, "imageID": f"{REPO}@sha256:{'a' * 64}"}
    manifest["status"]["containerStatuses"] = [ended, runs]
    found = read_pod(manifest, told, NodeBook(Fleet()))
    assert (found.started, found.terminated, found.digest) == (True, False, f"sha256:{'a' * 64}")


def test_a_sidecar_that_was_started_again_is_no_problem() -> None:
    manifest = pod(REPO, "")
    manifest["spec"]["initContainers"] = [{"name": "mesh", "restartPolicy": "Always"}]
    last = {"terminated": {"exitCode": 1, "reason": "Error"}}
    mesh: dict[str, Any] = {"name": "mesh", "state": {"running": {}}, "lastState": last}
    manifest["status"]["initContainerStatuses"] = [mesh]
    assert pod_problem(read_pod(manifest, WORKER, NodeBook(Fleet()))) is None
    mesh["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    problem = pod_problem(read_pod(manifest, WORKER, NodeBook(Fleet())))
    assert problem is not None
    assert "container mesh ended with exit code 1" in problem.message


def test_an_init_container_that_is_restarted_is_a_sidecar() -> None:
    manifest = pod(REPO, "")
    manifest["spec"]["initContainers"] = [{"name": "fetch"}, {"name": "mesh", "restartPolicy": "Always"}]
    states: dict[str, Any] = {"fetch": {"running": {}}, "mesh": {"running": {}}}
    manifest["status"]["initContainerStatuses"] = [{"name": n, "state": state} for n, state in states.items()]
    found = read_pod(manifest, WORKER, NodeBook(Fleet()))
    assert [c.name for c in found.containers if c.init] == ["fetch"]
    assert found.prepares == "fetch"


def served(replica: Replica) -> ServeDeployment:
    return ServeDeployment("D", DeploymentStatus.UPDATING, replicas=(replica,))


def test_one_pod_of_each_revision_tells_of_its_download_or_constructor() -> None:
    fetch: dict[str, Any] = {"fetch": {"running": {}}}

    def named(name: str, uid: str, states: dict[str, Any], **status: Any) -> Pod:
        manifest = pod(REPO, "")
        manifest["metadata"] |= {"name": name, "uid": uid}
        manifest["spec"]["initContainers"] = [{"name": n} for n in states]
        inits = [{"name": n, "state": state} for n, state in states.items()]
        manifest["status"] = {"phase": "Pending", "podIP": f"10.0.0.{uid}", "initContainerStatuses": inits, **status}
        told = ray_identity(name)
        assert told is not None
        return read_pod(manifest, told, NodeBook(Fleet()))

    pods = [
        named("m-a-1-w0-0", "1", fetch),
        named("m-a-1-w1-2", "2", fetch),
        named("m-a-1-w1-1", "3", fetch),
        named("m-a-1-w1-0", "4", {"fetch": {"terminated": {"exitCode": 0}}}),
        named("m-b-1-w0-0", "5", fetch, podIP=""),
        named("m-b-1-w0-1", "6", {"references": {"running": {}}}),
        named("m-c-1-w0-0", "7", fetch),
    ]
    assert telling(pods, []) == (("3", "10.0.0.3"), ("7", "10.0.0.7"))
    replica = Replica("r", ReplicaState.STARTING, "m-b-1-w0-1", datetime.now(UTC))
    starting = ServeState((Application("m", AppStatus.DEPLOYING, deployments=(served(replica),)),))
    assert telling(pods, [starting]) == (("3", "10.0.0.3"), ("6", "10.0.0.6"), ("7", "10.0.0.7"))
    returned = served(replace(replica, state=ReplicaState.RUNNING))
    running = ServeState((Application("m", AppStatus.RUNNING, deployments=(returned,)),))
    assert telling(pods, [running]) == telling(pods, [])
