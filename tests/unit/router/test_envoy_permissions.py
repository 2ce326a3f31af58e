"""Who of those that are known may ask, and for which version: a real Envoy."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from eagleray.api.traffic import TrafficRule, ValueMatch
from eagleray.domain.actions.access import Access, Allowed, Issuer, Mounted
from eagleray.domain.actions.router_config import RouterLane
from eagleray.domain.facts.router_layout import KEYS
from unit.router.envoy_rig import Rig, Router, routed, shares, target
from unit.router.test_envoy_keys import DOORS, ODD, bearer, doors
from unit.router.test_envoy_tokens import LIVE, URL, Idp, keys_of

KEY = {name: f"the-key-of-{name}" for name in ("team-a", "team-b", "team-c")}
SECRET, ISSUER = Mounted("Secret", "m-keys"), Issuer(URL, ("churn",), Mounted("ConfigMap", "idp"))
ACCESS = Access(
    keys=SECRET,
    issuers=(ISSUER,),
    public=(LIVE,),
    allow=(
        Allowed(clients=("team-a",), versions=("v1",)),
        Allowed(clients=("team-b",)),
        Allowed(claims=(("role", "ml"),)),
        Allowed(clients=("ann",), claims=(("realm.roles", "tester"), ("tier", "gold")), versions=("v1", "v2")),
    ),
)
RULE = TrafficRule(header=ValueMatch(name="x-beta", value="true"), version="v2")


async def two_versions(rig: Rig, idp: Idp, access: Access = ACCESS, **options: Any) -> Router:
    """A router whose weights choose v1 alone, in front of v1 and v2."""
    v1, v2 = [target(f"m-{name}", await rig.replica(), version=name) for name in ("v1", "v2")]
    lanes = tuple(RouterLane(t.version, shares({t.revision: 100})) for t in (v1, v2))
    config = routed({v1: 100, v2: 0}, lanes=lanes, rules=(RULE,), access=access, **options)
    router = await rig.router(config, {KEYS: KEY, **keys_of(idp)})
    await router.until_answering("m-v1", "m-v2")
    return router


async def asked(router: Router, credential: str, **headers: str) -> str:
    """The revision that answers, or the reason of the refusal."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await router.ask(headers={**bearer(credential), **named})
    assert answer.status in {200, 403, 404}, answer.body
    return answer.revision if answer.status == 200 else answer.reason


async def test_a_version_is_for_whom_it_is_however_it_is_asked_for(rig: Rig) -> None:
    router = await two_versions(rig, Idp())
    table = {"team-a": ("m-v1", "NotAllowed"), "team-b": ("m-v1", "m-v2"), "team-c": ("NotAllowed", "NotAllowed")}
    for client, (by_weight, second) in table.items():
        assert await asked(router, KEY[client]) == by_weight
        assert await asked(router, KEY[client], x_eagleray_version="v1") == by_weight
        for naming in ({"x_eagleray_version": "v2"}, {"x_eagleray_revision": "m-v2"}, {"x_beta": "true"}):
            assert await asked(router, KEY[client], **naming) == second, (client, naming)


CLAIMS: list[tuple[Mapping[str, Any], str]] = [
    ({"role": "ml"}, "m-v2"),
    ({"role": ["web", "ml"]}, "m-v2"),
    ({"role": "mlx"}, "NotAllowed"),
    ({"role": {"ml": "ml"}}, "NotAllowed"),
    ({"sub": "team-b"}, "m-v2"),
    ({"sub": "team-a"}, "NotAllowed"),
    ({"realm": {"roles": ["tester"]}, "tier": "gold"}, "m-v2"),
    ({"realm": {"roles": ["tester"]}, "tier": "iron"}, "NotAllowed"),
    ({"sub": "bob", "realm": {"roles": ["tester"]}, "tier": "gold"}, "NotAllowed"),
    ({}, "NotAllowed"),
]


async def test_a_token_is_judged_by_its_claims(rig: Rig) -> None:
    idp = Idp()
    router = await two_versions(rig, idp)
    for claims, expected in CLAIMS:
        assert await asked(router, idp.token(**claims), x_eagleray_version="v2") == expected, claims


async def test_who_may_ask_nothing_finds_every_door_shut_and_wakes_nobody(rig: Rig) -> None:
    router = await two_versions(rig, Idp(), holds=True, hold_timeout=60.0)
    refused = await doors(router, KEY["team-c"])
    odd = {**ODD, DOORS.CALL: "PERMISSION_DENIED", "liveness": "200"}
    assert refused == dict.fromkeys(DOORS.DOORS, "NotAllowed") | odd
    assert (await router.ask(LIVE, "GET")).status == 200, "what is for everybody is so for them, too"
    metrics = (await router.ask_ops("/stats/prometheus")).body
    counted = [line for line in metrics.splitlines() if line.startswith("envoy_refused_requests{")]
    assert any("rbac_access_denied" in line for line in counted), counted


async def test_a_websocket_is_for_whom_its_version_is(rig: Rig) -> None:
    router = await two_versions(rig, Idp())
    async with aiohttp.ClientSession() as session:
        for client, version, status in (("team-b", "v2", 101), ("team-a", "v1", 101), ("team-a", "v2", 403)):
            headers = {**bearer(KEY[client]), "x-eagleray-version": version}
            try:
                async with session.ws_connect(router.url, headers=headers):
                    found = 101
            except aiohttp.WSServerHandshakeError as e:
                found = e.status
            assert found == status, (client, version)
