"""Clients that are known by a token, beside those that have a key, and paths that anybody may ask: a real Envoy."""

import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from eagleray.domain.actions.access import Access, Issuer, Mounted
from eagleray.domain.facts.router_layout import JWKS, KEYS
from eagleray.domain.facts.routers import Credentials
from unit.router.envoy_rig import Rig, Router, routed, target
from unit.router.mounts import Entries
from unit.router.replica import Replica
from unit.router.test_envoy_keys import CLIENTS, DOORS, KEY, ODD, REFUSED, bearer, doors

URL = "https://idp.example.com"
SECRET = Mounted("Secret", "m-keys")
MOUNTED = Mounted("ConfigMap", "idp")
ISSUER = Issuer(URL, ("churn", "fraud"), MOUNTED)
TOKENS = Access(issuers=(ISSUER,))
BOTH = Access(keys=SECRET, issuers=(ISSUER,))
LIVE = "/v2/health/live"


class Idp:
    """An issuer of tokens."""

    def __init__(self, number: str = "1") -> None:
        self._number = number
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def jwks(self) -> str:
        key = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        return json.dumps({"keys": [{**key, "kid": self._number, "alg": "ES256", "use": "sig"}]})

    def token(self, **claims: Any) -> str:
        told = {"iss": URL, "aud": "churn", "sub": "ann", "exp": int(time.time()) + 600, **claims}
        given = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(given, self._key, "ES256", headers={"kid": self._number})


@pytest.fixture
def idp() -> Idp:
    return Idp()


async def started(rig: Rig, access: Access, mounted: Mapping[str, Entries]) -> tuple[Replica, Router]:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, access=access), {KEYS: CLIENTS, **mounted})
    await router.until_healthy("m-a", 1)
    return replica, router


def keys_of(idp: Idp) -> dict[str, Entries]:
    return {f"{JWKS}-0": {"jwks.json": idp.jwks}}


async def status(router: Router, credential: str) -> int:
    return (await router.ask(headers=bearer(credential))).status


@pytest.mark.parametrize("access", [TOKENS, BOTH], ids=["tokens", "both"])
async def test_no_door_opens_without_a_credential(rig: Rig, idp: Idp, access: Access) -> None:
    replica, router = await started(rig, access, keys_of(idp))
    assert await doors(router) == REFUSED
    others = await doors(router, Idp().token())
    assert others == dict.fromkeys(DOORS.DOORS, "TokenRefused") | ODD
    assert replica.arrived == 0


async def test_whoever_has_one_of_both_is_let_in_and_named(rig: Rig, idp: Idp) -> None:
    replica, router = await started(rig, BOTH, keys_of(idp))
    for credential, client in ((KEY, "team-a"), (idp.token(), "ann"), (idp.token(aud=["x", "fraud"]), "ann")):
        forged = {"x-eagleray-client": "root", **bearer(credential)}
        answer = await router.ask(headers=forged)
        assert answer.status == 200, (client, answer.body)
        assert replica.seen.get("x-eagleray-client") == client, replica.seen
        assert "authorization" not in replica.seen
    found = await doors(router, idp.token())
    assert {found[door] for door in ("a request", "HTTP/2", "by revision", "a WebSocket")} == {"200", "101"}


async def test_a_token_that_is_not_good_is_refused(rig: Rig, idp: Idp) -> None:
    replica, router = await started(rig, BOTH, keys_of(idp))
    none = jwt.encode({"iss": URL, "aud": "churn", "exp": int(time.time()) + 600}, "", "none")
    refused = {
        "expired": idp.token(exp=int(time.time()) - 600),
        "without end": idp.token(exp=None),
        "not yet": idp.token(nbf=int(time.time()) + 600),
        "of another audience": idp.token(aud="other"),
        "of another issuer": idp.token(iss="https://elsewhere.example.org"),
        "unsigned": none,
        "cut": idp.token()[:-20],
        "changed": idp.token().replace(".", ".e30", 1),
    }
    found = {why: await status(router, token) for why, token in refused.items()}
    assert {why: s for why, s in found.items() if s not in {401, 403}} == {}
    assert found["of another audience"] == 403
    assert replica.arrived == 0
    assert (await router.ask(headers=bearer(refused["expired"]))).reason == "TokenRefused"
    assert (await router.ask(headers={"x-api-key": idp.token()})).status == 401


async def test_a_header_that_is_there_twice_opens_nothing(rig: Rig, idp: Idp) -> None:
    """What the two filters match must be the same: neither may leave a request to the other."""
    replica, router = await started(rig, BOTH, keys_of(idp))
    wrong = (
        "Bearer nothing",
        f"Bearer {Idp().token()}",
        "Basic eyJa.b.c",
        f"bearer {Idp().token()}",
        "Bearer eyJa.b.c,x",
    )
    for first in wrong:
        for second in wrong:
            answer = await router.ask(headers=[("Authorization", first), ("Authorization", second)])
            assert answer.status == 401, (first, second)
    assert replica.arrived == 0


async def test_the_claim_that_names_clients_can_be_another(rig: Rig, idp: Idp) -> None:
    by_mail = Access(issuers=(Issuer(URL, ("churn",), MOUNTED, "email"),))
    replica, router = await started(rig, by_mail, keys_of(idp))
    assert await status(router, idp.token(email="ann@example.com")) == 200
    assert replica.seen["x-eagleray-client"] == "ann@example.com"


async def test_an_issuers_keys_change_without_a_restart(rig: Rig, idp: Idp) -> None:
    _, router = await started(rig, TOKENS, keys_of(idp))
    assert await status(router, idp.token()) == 200
    other = Idp("2")
    router.mounts.put(f"{JWKS}-0", {"jwks.json": other.jwks})

    async def taken_over() -> bool:
        return await status(router, other.token()) == 200

    await rig.until(taken_over)
    assert await status(router, idp.token()) == 401


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"keys": []}', "no JSON", '{"keys": [{"kid": 1}]}'])
async def test_keys_that_cannot_be_used_close_the_door_of_their_issuer_alone(rig: Rig, idp: Idp, content: str) -> None:
    other = Issuer("https://other.example.com", ("churn",), Mounted("Secret", "other"))
    access = Access(keys=SECRET, issuers=(ISSUER, other))
    mounted = {f"{JWKS}-0": {"jwks.json": content}, f"{JWKS}-1": {"jwks.json": idp.jwks}}
    _, router = await started(rig, access, mounted)
    assert await status(router, idp.token()) == 401
    assert await status(router, idp.token(iss=other.name)) == 200
    assert await status(router, KEY) == 200
    (problem,) = (await router.peers.credentials("m", "127.0.0.1")).problems
    assert problem.startswith("ConfigMap idp of spec.router.auth.jwt")


@pytest.mark.parametrize("access", [TOKENS, BOTH, Access(keys=SECRET)], ids=["tokens", "both", "keys"])
async def test_a_public_path_is_public_as_a_whole_and_as_it_is_written(rig: Rig, idp: Idp, access: Access) -> None:
    public = Access(keys=access.keys, issuers=access.issuers, public=(LIVE,))
    replica, router = await started(rig, public, keys_of(idp))
    for path in (LIVE, f"{LIVE}?a=b"):
        assert (await router.ask(path, "GET", headers={"x-eagleray-client": "root"})).status == 200, path
        assert "x-eagleray-client" not in replica.seen
    arrived = replica.arrived
    others = (
        *("/", f"{LIVE}/", f"/{LIVE}", f"{LIVE}/../../infer", "/v2/health/%6cive", "/V2/health/live"),
        *(f"/infer?{LIVE}", f"{LIVE}x", f"{LIVE};a", f"{LIVE}%3Fa", f"/infer?x={LIVE}", f"/a{LIVE}"),
    )
    for path in others:
        assert (await router.ask(path, "GET")).status == 401, path
    assert replica.arrived == arrived


async def test_keys_at_a_url_are_fetched_bounded_and_kept(rig: Rig, idp: Idp) -> None:
    served = {"body": "not yet"}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=served["body"])

    app = web.Application()
    app.router.add_get("/jwks", answer)
    async with TestServer(app) as server:
        url = f"http://127.0.0.1:{server.port}/jwks"
        _, router = await started(rig, Access(issuers=(Issuer(URL, ("churn",), url),)), {})
        assert await status(router, idp.token()) == 401
        (problem,) = (await router.peers.credentials("m", "127.0.0.1")).problems
        assert problem.startswith(f"{url} of spec.router.auth.jwt")
        served["body"] = idp.jwks

        async def taken_over() -> bool:
            return await status(router, idp.token()) == 200

        await rig.until(taken_over)
    assert await status(router, idp.token()) == 200
    assert await router.peers.credentials("m", "127.0.0.1") == Credentials()
