"""Listeners and endpoints of both address families: proved on a real Envoy, with and without a kernel's IPv6."""

import json
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from eagleray.domain.facts.router_layout import EVERYWHERE
from unit.router.envoy_rig import Rig, routed, target

LAUNCHER = (sys.executable, str(Path(__file__).parent / "no_ipv6.py"))
IPV4, IPV6 = "127.0.0.1", "::1"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind((IPV6, 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
async def test_a_router_answers_on_both_families_and_asks_replicas_of_either(rig: Rig) -> None:
    four, six = await rig.replica(IPV4), await rig.replica(IPV6)
    a, b = target("m-a", four), replace(target("m-b", six), addresses=(IPV6,))
    router = await rig.router(routed({a: 50, b: 50}), bind=EVERYWHERE)
    await router.until_answering("m-a", "m-b")
    for host in (IPV4, f"[{IPV6}]"):
        for revision, replica in (("m-a", four), ("m-b", six)):
            asked = {"x-eagleray-revision": revision}
            answer = await router.ask_at(f"http://{host}:{router.layout.http_port}/", headers=asked)
            assert (answer.status, answer.json["port"]) == (200, replica.port)
        assert (await router.ask_at(f"http://{host}:{router.layout.ops_port}/ready")).status == 200
    await router.stop()
    clients = [json.loads(line)["client"] for line in router.log.read_text().splitlines()]
    assert clients == [IPV4, IPV4, IPV6, IPV6], "a client of IPv4 has its own address, not one of IPv6 around it"


async def test_a_router_starts_on_a_kernel_without_ipv6_and_takes_changes_over(rig: Rig) -> None:
    replica = await rig.replica()
    config = routed({target("m-a", replica): 100})
    router = await rig.router(config, bind=EVERYWHERE, launcher=LAUNCHER)
    await router.until_answering("m-a")
    assert (await router.ask(headers={"connection": "close"})).status == 200
    await router.apply(replace(config, max_request_bytes=10))
    assert (await router.ask(data=b"x" * 11)).status == 413
    assert "rejected" not in router.problems()
