"""What leads to the router from outside: when it is made, and when it is taken down."""

from dataclasses import replace

from eagleray.domain.actions.actions import DeleteEntrance, EnsureEntrance
from eagleray.domain.facts.entrances import Entrance
from eagleray.domain.plan.plan import Plan, plan
from eagleray.domain.version.desired import parse
from unit.domain.world import World

SERVICE = Entrance("Service", "s")
ROUTER = {
    "ingress": {"host": "m.example.com", "path": "/m"},
    "gateway": {"parentRefs": [{"name": "public"}], "path": "/models/m"},
}


def planned(world: World, *entrances: Entrance) -> Plan:
    world.run(30)
    observed = replace(world.observed(), entrances=entrances)
    return plan(parse(world.manifest(), world.installation, observed, None), observed, world.now)


def parts(decision: Plan) -> dict[str, list[object]]:
    return {part.name: [*part.actions] for part in decision.parts if part.name in {"Ingress", "HTTPRoute"}}


def test_each_is_a_part_of_its_own_behind_the_routers_service() -> None:
    world = World(router=ROUTER)
    assert parts(planned(world)) == {}, "a Service of that name may be another's"
    found = parts(planned(world, SERVICE))
    assert {name: [type(action) for action in actions] for name, actions in found.items()} == {
        "Ingress": [EnsureEntrance],
        "HTTPRoute": [EnsureEntrance],
    }


def test_what_is_not_asked_for_any_more_goes() -> None:
    there = (SERVICE, Entrance("Ingress", "i"), Entrance("HTTPRoute", "r"))
    world = World(router={"ingress": ROUTER["ingress"]})
    found = parts(planned(world, *there))
    assert found["HTTPRoute"] == [DeleteEntrance("HTTPRoute", "r")]
    assert [type(action) for action in found["Ingress"]] == [EnsureEntrance]
    assert parts(planned(World(), *there)) == {
        "Ingress": [DeleteEntrance("Ingress", "i")],
        "HTTPRoute": [DeleteEntrance("HTTPRoute", "r")],
    }


def test_the_router_takes_the_longest_prefix_off_first() -> None:
    world = World(router=ROUTER)
    world.run(30)
    assert world.router
    assert world.router.prefixes == ("/models/m", "/m")


def test_paths_for_everybody_are_so_behind_a_prefix_too() -> None:
    auth = {"apiKeys": {"secretName": "a"}, "public": ["/v2/health/live"]}
    world = World(router={**ROUTER, "auth": auth})
    world.run(30)
    assert world.router
    assert world.router.access.public == ("/v2/health/live", "/models/m/v2/health/live", "/m/v2/health/live")
