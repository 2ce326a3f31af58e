"""Applications as Ray Serve's guide has them: each topic is asked, under load, scaled and rolled out.

The applications are those of apps/gallery.py, the questions those of client/gallery.py.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.metrics import metric
from e2e.modules import TORCH_APPS
from e2e.then import Then
from e2e.wait import NotYetError, eventually
from e2e.when import When

if TYPE_CHECKING:
    from e2e.client import Count

REQUEST_SECONDS, STREAM_SECONDS = 20, 45
SMALL = {"requests": {"cpu": "100m", "memory": "256Mi"}}
SERVICER = "ray.serve.generated.serve_pb2_grpc:add_UserDefinedServiceServicer_to_server"
# What a computation takes that keeps the interpreter's lock: 17 s were the end of a replica in the router's eyes.
BLOCKED_SECONDS = 40


@pytest.fixture(scope="module")
def gallery(given: Given) -> Iterator[Served]:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    spec: dict[str, Any] = {
        "app": {"importPath": "gallery:app"},
        "requestTimeout": f"{REQUEST_SECONDS}s",
        "streamTimeout": {"silence": f"{REQUEST_SECONDS}s"},
        "resources": {"requests": {"cpu": "200m", "memory": "1Gi"}},
    }
    md = given.settled(given.knobs_manifest("gallery", **spec))
    yield Served(md=md, client=client, path="/v1/chat/completions", body=chat("load"), expected=None)
    given.cluster.delete("md", md.name, md.namespace)


@pytest.fixture(scope="module")
def blocking(given: Given) -> Iterator[Served]:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    spec: dict[str, Any] = {"app": {"importPath": "gallery:blocking"}, "requestTimeout": "3m", "resources": SMALL}
    md = given.settled(given.knobs_manifest("blocking", **spec))
    yield Served(md=md, client=client, path="/", body={}, expected=None)
    given.cluster.delete("md", md.name, md.namespace)


def chat(word: str) -> dict[str, Any]:
    return {"model": "tiny", "messages": [{"role": "user", "content": word}], "max_tokens": 4}


def asked(served: Served, stream_seconds: int) -> dict[str, str]:
    """What is wrong with each topic, of those with which anything is."""
    told = json.loads(served.client.python("gallery.py", served.md.url, f"--stream={stream_seconds}", timeout=180))
    return {topic: problem for topic, problem in told.items() if problem}


def test_each_topic_is_answered_as_ray_answers_it(gallery: Served) -> None:
    assert STREAM_SECONDS > 2 * REQUEST_SECONDS
    assert asked(gallery, STREAM_SECONDS) == {}


def test_it_is_scaled_and_rolled_out_under_load(gallery: Served, when: When, then: Then) -> None:
    first = gallery.md.stable_revision()
    with when.loaded(gallery, 5) as load:
        when.scaled(gallery.md, 2)
        then.settled(gallery.md)
        assert asked(gallery, 5) == {}
        when.changed(gallery.md, {"env": [{"name": "EDITION", "value": "2"}]})
        then.settled(gallery.md)
        assert asked(gallery, 5) == {}
    then.no_request_failed(load.result, at_least=100)
    assert set(load.result.revisions) == {first, gallery.md.stable_revision()}


def sent(pool: ThreadPoolExecutor, served: Served, question: str, requests: int) -> "Future[Count]":
    """Requests that are sent at once, each of which may take three minutes."""
    return pool.submit(served.client.count, f"{served.md.url}/?{question}", requests, at_once=requests, timeout=170)


def test_a_replica_that_computes_is_well_and_others_wait(blocking: Served) -> None:
    """Also where nothing else of the process runs meanwhile, and so nobody answers health checks."""
    longest, ready = 0.0, set()
    with ThreadPoolExecutor() as pool:
        computing = sent(pool, blocking, f"seconds={BLOCKED_SECONDS}&way=lock", 1)
        while not computing.done():
            began = time.monotonic()
            others = sent(pool, blocking, "seconds=0", 5)
            while not others.done():
                ready.add(blocking.md.condition("Ready")["status"])
                time.sleep(1)
            assert others.result().statuses == {"200": 5}
            longest = max(longest, time.monotonic() - began)
    assert computing.result().statuses == {"200": 1}
    assert longest > BLOCKED_SECONDS / 2, "nobody had to wait"
    assert ready == {"True"}


def test_a_replica_that_leaves_finishes_what_the_request_timeout_allows(
    blocking: Served, when: When, then: Then
) -> None:
    """Each replica has several of eight requests, of 20 s one after another: Serve's own 20 s are over long before."""
    when.scaled(blocking.md, 2)
    then.settled(blocking.md)
    pods = blocking.md.pods("worker")

    def all_are_at_it() -> None:
        busy = [
            metric(blocking.client, pod, "ray_serve_replica_processing_queries", application="blocking") for pod in pods
        ]
        if not all(busy):
            raise NotYetError(f"requests in progress: {busy}")

    with ThreadPoolExecutor() as pool:
        requests = sent(pool, blocking, "seconds=20&way=sleep", 8)
        eventually("both replicas are at it", all_are_at_it, within=50, poll=1)
        when.scaled(blocking.md, 1)
        assert requests.result().statuses == {"200": 8}
    then.settled(blocking.md)


def test_calls_of_a_grpc_service_are_answered_as_ray_answers_them(given: Given, when: When, then: Then) -> None:
    """Every kind of call, in Ray's own service for trying, while it is scaled and rolled out to a slow constructor."""
    app = {"importPath": "services:app", "grpcServicers": [SERVICER]}
    md = given.settled(given.knobs_manifest("services", app=app))
    client, address = given.client(ROLLOUT_NAMESPACE), f"{md.name}.{md.namespace}:80"
    with ThreadPoolExecutor() as pool:
        seconds = pool.submit(client.python, "services.py", address, "--seconds=60", timeout=200)
        when.scaled(md, 2)
        then.settled(md)
        when.changed(md, {"env": [{"name": "EDITION", "value": "2"}]})
        saying = ": a constructor runs: step "
        then.condition(md, "Progressing", "True", reasons={"RolloutInProgress"}, saying=saying, within=90)
        then.settled(md)
        under_load = json.loads(seconds.result())
    afterwards = json.loads(client.python("services.py", address))
    assert (under_load["wrong"], afterwards["wrong"], afterwards["editions"]) == ({}, {}, ["2"])
    assert "1" in under_load["editions"]
    assert under_load["calls"] > 100
    given.cluster.delete("md", md.name, md.namespace)


def test_a_task_is_worked_off_behind_a_request(given: Given) -> None:
    md = given.settled(given.knobs_manifest("tasks", app={"importPath": "tasks:app"}))
    client = given.client(ROLLOUT_NAMESPACE)
    task = client.ask("POST", f"{md.url}/tasks", {"number": 12}).json()["id"]

    def done() -> None:
        found = client.ask("GET", f"{md.url}/tasks/{task}").json()
        if found != {"status": "SUCCESS", "result": 144}:
            raise NotYetError(f"the task: {found}")

    eventually("the task is done", done, within=60, poll=1)
    given.cluster.delete("md", md.name, md.namespace)


def test_a_data_loader_has_workers(given: Given, when: When, then: Then) -> None:
    manifest = given.knobs_manifest("loader", app={"importPath": "loader:app"}, image=given.cluster.images[TORCH_APPS])
    manifest["spec"]["resources"] = {"requests": {"cpu": "200m", "memory": "1Gi"}}
    md, client = when.applied(manifest), given.client(ROLLOUT_NAMESPACE)
    then.ready(md)
    # One at a time: a library that torch imports refuses to fork while another thread begins to.
    assert client.count(f"{md.url}/?workers=2", 8, at_once=1, timeout=60).statuses == {"200": 8}
    assert client.ask("GET", f"{md.url}/?workers=2").json() == {"sum": 4096 * 4095 / 2}
    given.cluster.delete("md", md.name, md.namespace)


def test_deployments_that_do_not_fit_say_what_they_ask_for(given: Given, when: When, then: Then) -> None:
    """Two that name no resources want a Ray CPU each."""
    args = {"importPath": "apps:pipeline", "args": {"seconds": 0}}
    md = when.applied(given.knobs_manifest("pair", app=args, resources=SMALL))
    saying = "ask for 2 CPU, and Ray has 1 CPU on 1 Pod: raise resources.requests.cpu"
    then.condition(md, "Degraded", "True", reasons={"ReplicaStarting"}, saying=saying, within=120)
    given.cluster.delete("md", md.name, md.namespace)
