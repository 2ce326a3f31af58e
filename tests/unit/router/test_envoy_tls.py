"""TLS in front of a real Envoy: certificates that change, versions, and clients that must have one."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from authority import Authority
from e2e.scripts import script
from eagleray.api.serving import WarmupRequest
from eagleray.domain.actions.access import Access, Mounted, Tls
from eagleray.domain.facts.router_layout import CERTIFICATE, CLIENT_CA, KEYS
from eagleray.peers.probe import Door, Trial
from unit.router.envoy_rig import Rig, Router, routed, target
from unit.router.mounts import TOKEN
from unit.router.replica import Replica

DOORS: Any = script("doors")
LOOPBACK = "127.0.0.1"
KEY = "the-key-of-team-a"
SECRET = Mounted("Secret", "m-tls")
TLS = Access(tls=Tls(SECRET))
MUTUAL = Access(tls=Tls(SECRET, client_ca=Mounted("ConfigMap", "clients-ca")))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path / "authority")


async def secured(rig: Rig, mounted: Mapping[str, Mapping[str, str]], access: Access = TLS) -> tuple[Replica, Router]:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, access=access), mounted)
    await router.until_healthy("m-a", 1)
    return replica, router


async def certificate_of(router: Router, authority: Authority) -> int | None:
    """The number of the certificate that a new connection is shown; None where none is made."""
    try:
        context = authority.trusting()
        _, writer = await asyncio.open_connection(LOOPBACK, router.layout.http_port, ssl=context)
    except (OSError, ssl.SSLError):
        return None
    shown = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    return int(shown["serialNumber"], 16)


async def status(router: Router, context: ssl.SSLContext) -> int:
    """What a request on a new connection is answered; 0 where there is no connection."""
    url = f"https://{LOOPBACK}:{router.layout.http_port}/"
    connector = aiohttp.TCPConnector(ssl=context, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            async with session.post(url, data=b"{}") as answer:
                return answer.status
        except (aiohttp.ClientError, OSError):
            return 0


async def test_every_door_is_behind_tls_and_asks_for_the_key(rig: Rig, authority: Authority) -> None:
    access = Access(keys=Mounted("Secret", "m-keys"), tls=Tls(SECRET))
    mounted = {CERTIFICATE: authority.server(LOOPBACK).entries, KEYS: {"team-a": KEY}}
    replica, router = await secured(rig, mounted, access)
    way = DOORS.Way(LOOPBACK, router.layout.http_port, "", str(authority.file), "m-a")
    found = await asyncio.to_thread(DOORS.asked, way)
    assert set(found.values()) == {"KeyMissing", "UNAUTHENTICATED", "UpgradeRefused"}
    assert replica.arrived == 0
    way = DOORS.Way(LOOPBACK, router.layout.http_port, KEY, str(authority.file), "m-a")
    found = await asyncio.to_thread(DOORS.asked, way)
    assert {found[door] for door in ("a request", "HTTP/2", "a WebSocket")} == {"200", "101"}
    assert replica.seen["x-eagleray-client"] == "team-a"


async def test_without_tls_nothing_is_answered(rig: Rig, authority: Authority) -> None:
    _, router = await secured(rig, {CERTIFICATE: authority.server(LOOPBACK).entries})
    with pytest.raises(aiohttp.ClientError):
        await router.ask()
    assert (await router.ask_ops("/ready")).status == 200


async def test_the_application_sees_https(rig: Rig, authority: Authority) -> None:
    replica, router = await secured(rig, {CERTIFICATE: authority.server(LOOPBACK).entries})
    assert await status(router, authority.trusting()) == 200
    assert replica.seen["x-forwarded-proto"] == "https"


async def test_a_certificate_changes_without_a_restart_and_without_a_lost_request(
    rig: Rig, authority: Authority
) -> None:
    first, second = authority.server(LOOPBACK), authority.server(LOOPBACK)
    _, router = await secured(rig, {CERTIFICATE: first.entries})
    assert await certificate_of(router, authority) == first.number
    context, done = authority.trusting(), asyncio.Event()
    statuses: list[int] = []

    async def client() -> None:
        while not done.is_set():
            statuses.append(await status(router, context))

    async def changed() -> bool:
        return await certificate_of(router, authority) == second.number

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(client())
        router.mounts.put(CERTIFICATE, second.entries)
        await rig.until(changed)
        done.set()
    assert set(statuses) == {200}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({}, "Secret m-tls of spec.router.tls has no tls.crt and tls.key"),
        ({"tls.crt": "nothing", "tls.key": "nothing"}, "are no certificate and its key in PEM"),
    ],
)
async def test_without_a_certificate_nobody_gets_in_and_it_is_said_until_there_is_one(
    rig: Rig, authority: Authority, entries: dict[str, str], said: str
) -> None:
    _, router = await secured(rig, {CERTIFICATE: entries})
    assert await certificate_of(router, authority) is None
    found = await router.peers.credentials("m", LOOPBACK)
    (problem,) = found.problems
    assert said in problem
    assert found.closed
    router.mounts.put(CERTIFICATE, authority.server(LOOPBACK).entries)

    async def shown() -> bool:
        return await certificate_of(router, authority) is not None

    await rig.until(shown)


async def test_one_that_turns_bad_is_not_taken_over(rig: Rig, authority: Authority) -> None:
    first = authority.server(LOOPBACK)
    _, router = await secured(rig, {CERTIFICATE: first.entries})
    router.mounts.put(CERTIFICATE, {**authority.server(LOOPBACK).entries, "tls.crt": first.entries["tls.crt"]})

    async def told() -> bool:
        return bool((await router.peers.credentials("m", LOOPBACK)).problems)

    await rig.until(told)
    assert await certificate_of(router, authority) == first.number
    assert not (await router.peers.credentials("m", LOOPBACK)).closed


VERSIONS = (
    ("1.2", ssl.TLSVersion.TLSv1_2, True),
    ("1.3", ssl.TLSVersion.TLSv1_2, False),
    ("1.3", ssl.TLSVersion.TLSv1_3, True),
)


@pytest.mark.parametrize(("oldest", "spoken", "taken"), VERSIONS)
async def test_the_oldest_version(
    rig: Rig, authority: Authority, oldest: Any, spoken: ssl.TLSVersion, *, taken: bool
) -> None:
    _, router = await secured(
        rig, {CERTIFICATE: authority.server(LOOPBACK).entries}, Access(tls=Tls(SECRET, min_version=oldest))
    )
    context = authority.trusting()
    context.minimum_version = context.maximum_version = spoken
    assert (await status(router, context) == 200) is taken


async def test_clients_without_a_certificate_of_the_authority_are_kept_out(
    rig: Rig, authority: Authority, tmp_path: Path
) -> None:
    other = Authority.made(tmp_path / "other")
    mounted = {CERTIFICATE: authority.server(LOOPBACK).entries, CLIENT_CA: {"ca.crt": authority.file.read_text()}}
    replica, router = await secured(rig, mounted, MUTUAL)
    assert await status(router, authority.trusting()) == 0
    for authorities, taken in ((authority, 200), (other, 0)):
        context = authority.trusting()
        context.load_cert_chain(*authorities.client("team-a").files)
        assert await status(router, context) == taken
    assert replica.arrived == 1
    await router.peers.probe("m", trial(replica))


def trial(replica: Replica) -> Trial:
    """The operator has no certificate, and a door of its own."""
    return Trial(
        revision="m-a",
        requests=(WarmupRequest(path="/"),),
        seconds=30,
        workers=(LOOPBACK,),
        ports=(replica.port,),
        routers=(Door(LOOPBACK, guarded=True),),
        token=TOKEN,
    )
