"""Who is let in by a real Envoy: every door is asked without a key, with a wrong one, and with the right one."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from e2e.scripts import script
from eagleray.api.router import RouterCors
from eagleray.api.serving import WarmupRequest
from eagleray.domain.actions.access import Access, Mounted
from eagleray.domain.actions.router_config import Hold, RouterMirror
from eagleray.domain.facts.router_layout import KEYS
from eagleray.domain.facts.routers import Credentials
from eagleray.domain.traffic.clients import cors
from eagleray.peers.errors import PeerError
from eagleray.peers.probe import Door, Trial
from eagleray.router.bodies import MAX_BODY_HEADER
from unit.router.envoy_rig import Rig, Router, routed, target
from unit.router.mounts import TOKEN
from unit.router.replica import Replica
from unit.router.test_envoy_hold import asleep

DOORS: Any = script("doors")
KEY, OTHER_KEY, NEW_KEY = "the-key-of-team-a", "the-key-of-team-b", "the-next-key-of-team-a"
CLIENTS = {"team-a": KEY, "team-b": f"{OTHER_KEY}\n"}
ACCESS = Access(keys=Mounted("Secret", "m-keys"))
LOOPBACK = "127.0.0.1"
# Envoy refuses CONNECT whoever asks.
ODD = {DOORS.CALL: "UNAUTHENTICATED", "CONNECT": "UpgradeRefused"}
REFUSED = dict.fromkeys(DOORS.DOORS, "KeyMissing") | ODD


async def guarded(rig: Rig, clients: Mapping[str, str | bytes] | None = None, **options: Any) -> tuple[Replica, Router]:
    """A router in front of one replica that lets in whom its Secret knows."""
    replica = await rig.replica()
    config = routed({target("m-a", replica): 100}, access=ACCESS, **options)
    router = await rig.router(config, {KEYS: CLIENTS if clients is None else clients})
    await router.until_healthy("m-a", 1)
    return replica, router


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def doors(router: Router, key: str = "", port: int = 0) -> Mapping[str, str]:
    way = DOORS.Way("127.0.0.1", port or router.layout.http_port, key, revision="m-a")
    found: Mapping[str, str] = await asyncio.to_thread(DOORS.asked, way)
    return found


async def until_asked(rig: Rig, router: Router, key: str, status: int) -> None:
    async def asked() -> bool:
        return (await router.ask(headers=bearer(key))).status == status

    await rig.until(asked)


async def test_no_door_opens_without_a_key(rig: Rig) -> None:
    replica, router = await guarded(rig)
    assert await doors(router) == REFUSED
    unknown = dict.fromkeys(DOORS.DOORS, "KeyUnknown") | ODD
    assert await doors(router, "a-key-that-nobody-has") == unknown
    assert replica.arrived == 0


async def test_every_door_opens_with_a_key(rig: Rig) -> None:
    _, router = await guarded(rig)
    found = await doors(router, KEY)
    odd = {
        "a WebSocket": "101",
        "a WebSocket by revision": "101",
        "by version": "NotFound",
        "by a revision that is not there": "NotFound",
        "a body too large": "RequestTooLarge",
        "CONNECT": "UpgradeRefused",
        "Serve's health": "200",
        DOORS.CALL: "UNKNOWN",
    }
    assert found.keys() == set(DOORS.DOORS)
    assert {door: said for door, said in found.items() if said != odd.get(door, "200")} == {}


async def test_the_key_goes_no_further_and_the_name_is_nobodys_to_forge(rig: Rig) -> None:
    replica, router = await guarded(rig)
    forged = {"x-eagleray-client": "team-a", "x_eagleray_client": "team-a", "X-Eagleray-Client": "root"}
    for headers, client in ((bearer(OTHER_KEY), "team-b"), ({"x-api-key": KEY}, "team-a")):
        assert (await router.ask(headers={**forged, **headers})).status == 200
        assert [v for k, v in replica.seen.items() if k.replace("_", "-") == "x-eagleray-client"] == [client]
        assert not {"authorization", "x-api-key"} & replica.seen.keys()
    assert (await router.ask(headers=forged)).status == 401
    await router.stop()
    lines = [json.loads(line) for line in router.log.read_text().splitlines()]
    assert [line["client_name"] for line in lines] == ["team-b", "team-a", None]
    assert KEY not in router.log.read_text() + router.problems()


async def test_who_was_refused_is_counted(rig: Rig) -> None:
    _, router = await guarded(rig)
    await doors(router)
    for key in (KEY, "a-key-that-nobody-has"):
        await router.ask(headers=bearer(key))
    metrics = (await router.ask_ops("/stats/prometheus")).body
    lines = [line for line in metrics.splitlines() if line.startswith("envoy_refused_requests{")]
    counted = {re.sub(r".*cause=.([a-z_]+).*", r"\1", line): int(line.split()[-1]) for line in lines}
    assert counted == {"missing_api_key": len(REFUSED) - 1, "unknown_api_key": 1}, lines


async def test_without_auth_the_name_is_nobodys_either(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}))
    await router.until_healthy("m-a", 1)
    assert (await router.ask(headers={"x-eagleray-client": "root", "x_eagleray_client": "root"})).status == 200
    assert not [name for name in replica.seen if "eagleray" in name and "client" in name]


async def test_what_a_browser_is_told(rig: Rig) -> None:
    _, router = await guarded(rig)
    answer = await router.ask()
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json["error"]["request_id"]


async def test_keys_are_rotated_without_a_restart_and_without_a_lost_request(rig: Rig) -> None:
    _, router = await guarded(rig)
    both = {"team-a": KEY, "team-a.next": NEW_KEY}
    done = asyncio.Event()
    statuses: list[int] = []

    async def client() -> None:
        while not done.is_set():
            statuses.append((await router.ask(headers=bearer(KEY))).status)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(client())
        router.mounts.put(KEYS, both)
        await until_asked(rig, router, NEW_KEY, 200)
        done.set()
    router.mounts.put(KEYS, {"team-a": NEW_KEY})
    await until_asked(rig, router, KEY, 401)
    assert set(statuses) == {200}
    assert (await router.ask(headers=bearer(NEW_KEY))).status == 200


@pytest.mark.parametrize(
    ("secret", "let_in", "said"),
    [
        ({}, [], "is missing or empty: nobody is let in"),
        ({"team-a": "short"}, [], "the key of team-a has 5 characters; write 16 to 1024"),
        ({"team-a": "short", "team-b": OTHER_KEY}, [OTHER_KEY], "the key of team-a has 5 characters"),
        ({"team-a": KEY, "team-b": KEY}, [], "team-a, team-b have the same key"),
        ({"team-a": b"\xff" * 20}, [], "characters that no header carries"),
        ({"team-a": "eyJhbGciOi.eyJzdWIiOi.c2ln"}, [], "looks like a token"),
    ],
)
async def test_a_key_that_cannot_be_used_lets_nobody_in_and_is_named(
    rig: Rig, secret: Mapping[str, str | bytes], let_in: list[str], said: str
) -> None:
    _, router = await guarded(rig, secret)
    found = await router.peers.credentials("m", "127.0.0.1")
    assert said in "; ".join(found.problems)
    assert "Secret m-keys of spec.router.auth.apiKeys" in found.problems[0]
    assert found.closed is not bool(let_in)
    asked = {key: (await router.ask(headers=bearer(key))).status for key in (KEY, OTHER_KEY)}
    assert [key for key, status in asked.items() if status == 200] == let_in
    if not let_in:
        assert (await router.ask(headers=bearer(KEY))).reason == "NoKeys"
    router.mounts.put(KEYS, CLIENTS)
    await until_asked(rig, router, KEY, 200)
    assert await router.peers.credentials("m", "127.0.0.1") == Credentials()


async def test_a_secret_that_goes_takes_its_clients_along(rig: Rig) -> None:
    _, router = await guarded(rig)
    router.mounts.put(KEYS, {})
    await until_asked(rig, router, KEY, 503)


async def test_no_key_is_in_what_envoy_tells_of_itself(rig: Rig) -> None:
    _, router = await guarded(rig)
    admin = f"http://127.0.0.1:{router.layout.admin_port}"
    told = [(await router.ask_at(f"{admin}/{path}")).body for path in ("config_dump", "stats", "clusters", "listeners")]
    assert "api_key_auth" in told[0]
    for secret in (KEY, OTHER_KEY, TOKEN):
        assert not [text for text in told if secret in text]
    assert [secret for secret in (KEY, OTHER_KEY, TOKEN) if secret in json.dumps(rendered_files(router))] == []


def rendered_files(router: Router) -> Mapping[str, str]:
    return {file.name: file.read_text() for file in (router.folder / "..data").iterdir()}


async def test_the_operator_has_a_door_of_its_own_which_opens_to_its_token_alone(rig: Rig) -> None:
    replica, router = await guarded(rig)
    found = await doors(router, KEY, router.layout.warmup_port)
    assert found == {**REFUSED, "a forger": "KeyUnknown"}
    before = (await router.stats()).of("m-a").requests
    await router.peers.probe("m", trial(replica, guarded=True))
    assert [name for name in replica.seen if "token" in name or "eagleray" in name] == [MAX_BODY_HEADER]
    assert (await router.stats()).of("m-a").requests == before
    with pytest.raises(PeerError):
        await router.peers.probe("m", trial(replica, guarded=False))


def trial(replica: Replica, *, guarded: bool) -> Trial:
    return Trial(
        revision="m-a",
        requests=(WarmupRequest(path="/v1"),),
        seconds=30,
        workers=(LOOPBACK,),
        ports=(replica.port,),
        routers=(Door(LOOPBACK, guarded=guarded),),
        token=TOKEN,
    )


async def test_strangers_wake_nothing(rig: Rig) -> None:
    """Before they may wait, they must be known; what lets requests wait is not even asked: it does not run here."""
    sleeping = asleep("m-a", Hold(timeout=30, max_held=5, retry_after=17))
    config = routed({sleeping: 100}, access=ACCESS, holds=True, hold_timeout=30)
    router = await rig.router(config, {KEYS: CLIENTS})
    assert await doors(router) == REFUSED
    assert (await router.ask(headers=bearer(KEY))).reason == "HolderUnreachable"


async def test_pages_may_ask_whether_they_may_ask(rig: Rig) -> None:
    _, router = await guarded(rig, cors=cors(RouterCors(allow_origins=["https://app.example.com"])))
    origin = {"Origin": "https://app.example.com"}
    preflight = await router.ask(method="OPTIONS", headers={**origin, "Access-Control-Request-Method": "POST"})
    assert preflight.status == 200
    assert "x-api-key" in preflight.headers["access-control-allow-headers"]
    refused = await router.ask(headers=origin)
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, origin["Origin"])


async def test_a_mirror_gets_the_name_and_not_the_key(rig: Rig) -> None:
    replica, other = await rig.replica(), await rig.replica()
    weights = {target("m-a", replica): 100, target("m-b", other): 0}
    config = routed(weights, mirror=RouterMirror("m-b", 100), access=ACCESS)
    router = await rig.router(config, {KEYS: CLIENTS})
    await router.until_answering("m-a", "m-b")
    assert (await router.ask(headers=bearer(KEY), data=b"{}")).status == 200
    await rig.until(lambda: other.arrived == 1)
    assert other.seen["x-eagleray-client"] == "team-a"
    assert "authorization" not in other.seen


async def test_a_router_goes_on_with_the_keys_that_it_has_when_the_program_beside_it_ends(rig: Rig) -> None:
    _, router = await guarded(rig)
    await router.mounts.stop()
    assert (await router.ask(headers=bearer(KEY))).status == 200
    assert (await router.ask()).status == 401
    with pytest.raises(PeerError):
        await router.peers.credentials("m", "127.0.0.1")


async def test_a_websocket_of_a_client_that_is_known_echoes(rig: Rig) -> None:
    _, router = await guarded(rig)
    async with aiohttp.ClientSession() as session, session.ws_connect(router.url, headers=bearer(KEY)) as socket:
        await socket.send_str("hello")
        assert (await socket.receive(timeout=30)).data == "hello"
