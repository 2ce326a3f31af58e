"""Path prefixes of an Ingress or a Gateway, taken off by a real Envoy."""

import aiohttp
import pytest

from eagleray.domain.actions.access import Access, Mounted
from eagleray.domain.actions.router_config import RouterMirror
from eagleray.domain.facts.router_layout import KEYS
from unit.router.envoy_rig import Rig, routed, target
from unit.router.test_envoy_keys import CLIENTS, KEY, bearer

PREFIXES = ("/models/m", "/models", "/m.1")
LIVE = "/v2/health/live"


@pytest.mark.parametrize(
    ("asked", "path", "told"),
    [
        ("/models/m", "/", "/models/m"),
        ("/models/m/", "/", "/models/m"),
        ("/models/m/v2/models/m/infer?a=/models/m", "/v2/models/m/infer?a=/models/m", "/models/m"),
        ("/models/m?a=b", "/?a=b", "/models/m"),
        ("/models/m/models/m/x", "/models/m/x", "/models/m"),
        ("/models/m//x%2Fy/", "//x%2Fy/", "/models/m"),
        ("/models/mx/y", "/mx/y", "/models"),
        ("/m.1/x", "/x", "/m.1"),
        ("/mX1/x", "/mX1/x", None),
        ("/modelsx", "/modelsx", None),
        ("/v2/health/live", "/v2/health/live", None),
        ("/", "/", None),
    ],
)
async def test_a_prefix_is_taken_off_and_told(rig: Rig, asked: str, path: str, told: str | None) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, prefixes=PREFIXES))
    await router.until_healthy("m-a", 1)
    answer = await router.ask(asked, headers={"x-forwarded-prefix": "/forged"})
    assert answer.status == 200, answer.body
    assert answer.json["path"] == path
    assert replica.seen.get("x-forwarded-prefix") == told


async def test_a_websocket_loses_it_too(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, prefixes=PREFIXES))
    await router.until_healthy("m-a", 1)
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{router.url}/models/m/chat") as socket:
        await socket.send_str("hello")
        assert (await socket.receive_str()) == "hello"
    assert replica.seen["x-forwarded-prefix"] == "/models/m"


async def test_a_copy_loses_it_too(rig: Rig) -> None:
    replica, mirrored = await rig.replica(), await rig.replica()
    config = routed(
        {target("m-a", replica): 100, target("m-b", mirrored): 0}, prefixes=PREFIXES, mirror=RouterMirror("m-b", 100)
    )
    router = await rig.router(config)
    await router.until_answering("m-a", "m-b")
    await router.ask("/models/m/x", data=b"1")
    await rig.until(lambda: mirrored.arrived == 1)
    assert mirrored.seen["x-forwarded-prefix"] == "/models/m"


async def test_a_path_for_everybody_is_so_with_the_prefix(rig: Rig) -> None:
    access = Access(keys=Mounted("Secret", "m-keys"), public=(LIVE, f"/models{LIVE}"))
    replica = await rig.replica()
    router = await rig.router(
        routed({target("m-a", replica): 100}, prefixes=("/models",), access=access), {KEYS: CLIENTS}
    )
    await router.until_healthy("m-a", 1)
    assert (await router.ask(f"/models{LIVE}")).json["path"] == LIVE
    assert (await router.ask("/models/x")).status == 401
    assert (await router.ask("/models/x", headers=bearer(KEY))).json["path"] == "/x"
