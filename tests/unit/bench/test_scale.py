"""What the measurements with many models count, and whether the stubs speak as the real ones do."""

from pathlib import Path

import orjson

from bench.scale import models
from bench.scale.api import Manifest
from bench.scale.audit import Audit
from bench.scale.world import RouterFiles, StubPod, World
from eagleray.domain.actions.router_config import RouterConfig, RouterTarget
from eagleray.router.config import rendered


def line(user: str, verb: str, resource: str, **fields: str) -> bytes:
    about = {"resource": resource, **fields}
    event = {"user": {"username": user}, "verb": verb, "objectRef": about, "stage": "ResponseComplete"}
    return orjson.dumps(event) + b"\n"


def test_requests_are_counted_by_user_and_kind_without_watches_and_leases(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(
        line("me", "get", "pods")
        + line("me", "watch", "pods")
        + line("me", "update", "leases")
        + line("other", "get", "pods")
        + line("me", "patch", "modeldeployments", subresource="status")
    )
    audit = Audit(log, "me")
    counted = audit.since_last()
    assert counted.reads == {"get pods": 1}
    assert counted.writes == {"patch modeldeployments/status": 1}
    assert audit.since_last().total == 0


def test_a_line_that_is_being_written_is_counted_once_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    whole = line("me", "get", "pods")
    log.write_bytes(whole + whole[:20])
    audit = Audit(log, "me")
    assert audit.since_last().total == 1
    log.write_bytes(whole + whole)
    assert audit.since_last().total == 1


def test_the_stub_router_reads_what_the_operator_writes() -> None:
    targets = (
        RouterTarget("m-a", "v1", ("127.64.0.1", "127.64.0.2"), (30000, 30001)),
        RouterTarget("m-b", "v2", (), ()),
    )
    config = RouterConfig("m", "n", targets)
    written = rendered(config)
    files = RouterFiles.read(written.files.values())
    assert files == RouterFiles(written.version, {"m-a": ("127.64.0.1", "127.64.0.2"), "m-b": ()})


def test_the_stub_router_reads_protobuf_text_too() -> None:
    endpoint = 'endpoint{address{socket_address{address:"127.64.0.1",port_value:30000}}}'
    kind = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    assigned = f'cluster_name:"m-a" endpoints{{lb_endpoints:[{{{endpoint}}},{{{endpoint}}}]}}'
    text = f'version_info:"7" resources{{[{kind}]{{{assigned}}}}}'
    assert RouterFiles.read([text]) == RouterFiles("7", {"m-a": ("127.64.0.1",)})


def pod(name: str, role: str) -> Manifest:
    marks = {"eagleray.dev/name": "m", "eagleray.dev/role": role}
    marks |= {"eagleray.dev/revision": "m-a", "eagleray.dev/incarnation": "1"}
    return {"metadata": {"name": name, "namespace": "n", "labels": marks}}


def test_as_many_workers_answer_as_the_head_was_told_to_run() -> None:
    world = World()
    head, first, second = (
        StubPod.of(pod(name, role), ip)
        for name, role, ip in (
            ("h", "head", "127.64.0.1"),
            ("w-0", "worker", "127.64.0.2"),
            ("w-1", "worker", "127.64.0.3"),
        )
    )
    for each in (head, first, second):
        world.add(each)
    assert world.healthy([first.ip, second.ip]) == 0
    head.targets = {"M": 1}
    assert world.healthy([first.ip, second.ip, "127.64.0.9"]) == 1
    world.remove(first)
    assert world.healthy([first.ip, second.ip]) == 1
    world.remove(head)
    assert world.healthy([second.ip]) == 0


def test_the_mixture_has_so_many_of_each() -> None:
    names = [m["metadata"]["name"].partition("-")[0] for m in models.mixture(1000)]
    assert {kind: names.count(kind) for kind in names} == {"pair": 50, "busy": 20, "idle": 20, "plain": 910}
