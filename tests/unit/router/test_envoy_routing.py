"""Which request reaches which revision, proved on a real Envoy."""

from unit.router.envoy_rig import Rig, routed, target


async def test_weight_decides_and_a_header_picks_any_revision(rig: Rig) -> None:
    stable, candidate = await rig.replica(), await rig.replica()
    router = await rig.router(routed({target("m-a", stable): 100, target("m-b", candidate): 0}))

    answers = [await router.ask() for _ in range(10)]
    assert {a.json["port"] for a in answers} == {stable.port}
    assert {a.headers["x-eagleray-revision"] for a in answers} == {"m-a"}
    assert {a.headers["x-eagleray-version"] for a in answers} == {"default"}

    picked = await router.ask(headers={"x-eagleray-revision": "m-b"})
    assert (picked.json["port"], picked.headers["x-eagleray-revision"]) == (candidate.port, "m-b")
    unknown = await router.ask(headers={"x-eagleray-revision": "m-c"})
    assert (unknown.status, unknown.reason) == (404, "NotFound")


async def test_both_sides_of_a_split_are_served(rig: Rig) -> None:
    left, right = await rig.replica(), await rig.replica()
    router = await rig.router(routed({target("m-a", left): 50, target("m-b", right): 50}))
    async with rig.load(router) as answers:
        await rig.until(lambda: left.arrived > 20 and right.arrived > 20)
    assert {a.status for a in answers} == {200}


async def test_a_request_reaches_the_replica_as_it_was_sent(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica, model=False): 100}))
    path = "//v1/models/a%2Fb/../x/:predict/?q=%20&&a=/"
    sent = {
        "x-request-id": "mine",
        "x-eagleray-revision": "m-a",
        "X-Eagleray-Tenant": "forged",
        "x_eagleray_client": "forged",
        "X_Forwarded_For": "forged",
        "x-real_ip": "forged",
        "forwarded": "for=forged",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-max-retries": "0",
        "x-other": "kept",
    }
    answer = await router.ask(path, headers=sent, data=b"12345")
    got = {k.lower(): v for k, v in answer.json["headers"].items()}
    assert (answer.json["path"], answer.json["bytes"]) == (path, 5)
    assert (got["x-request-id"], got["x-other"], got["host"]) == (
        "mine",
        "kept",
        f"127.0.0.1:{router.layout.http_port}",
    )
    assert not [k for k in got if k.startswith(("x-eagleray-", "x-envoy-max", "x-envoy-upstream"))]
    assert "forged" not in str(got), "nor by a name that some servers take for the same"
    assert (answer.headers["x-request-id"], answer.headers["server"]) == ("mine", "replica")
    assert answer.headers["x-eagleray-version"] == "default"


async def test_without_weight_the_answer_is_503_with_the_reason(rig: Rig) -> None:
    candidate = await rig.replica()
    config = routed({target("m-a", candidate): 0}, unavailable="m-a is still loading its model")
    router = await rig.router(config)
    refused = await router.ask()
    assert (refused.status, refused.reason) == (503, "NotReady")
    assert refused.json["error"]["message"] == "m-a is still loading its model"
    assert refused.headers["retry-after"] == "1"
    assert (await router.ask(headers={"x-eagleray-revision": "m-a"})).status == 200


async def test_websockets_pass(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}))
    async with rig.session.ws_connect(router.url + "/chat") as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "hello"


async def test_a_request_that_takes_too_long_is_answered_504(rig: Rig) -> None:
    replica = await rig.replica()
    replica.mode = "hold"
    router = await rig.router(routed({target("m-a", replica): 100}, request_timeout=0.2))
    late = await router.ask()
    assert (late.status, late.reason) == (504, "RequestTimeout")


async def test_the_ops_port_shows_what_it_should_and_nothing_else_of_the_admin(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}))
    assert (await router.ask_ops("/ready")).body.strip() == "LIVE"
    assert (await router.ask_ops("/config-version")).body == (await router.stats()).config_version
    hidden = ("/quitquitquit", "/config_dump", "/ready/../quitquitquit", "//ready", "/stats/recentlookups", "/stats/x")
    for path in (*hidden, "/healthcheck/fail", "/reset_counters"):
        assert (await router.ask_ops(path)).status == 404
        assert (await router.ask_ops(path, "POST")).status == 404
    for path in ("/ready", "/stats", "/stats?filter=version", "/stats/prometheus"):
        assert (await router.ask_ops(path)).status == 200
        assert (await router.ask_ops(path, "POST")).status == 404
    assert (await router.ask("/stats/prometheus", "GET")).json["path"] == "/stats/prometheus"
