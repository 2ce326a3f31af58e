"""Whether strangers may ask, and what is missing of that by which clients are known."""

from typing import Any

import pytest

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.router import Router
from eagleray.domain.facts.routers import Credentials, RouterPod
from eagleray.domain.status.exposure import exposed_verdicts, is_closed, missing_credentials
from eagleray.domain.traffic.access import access
from unit.domain.world import World

OPEN: list[dict[str, Any]] = [{}, {"maxRequestBytes": 1}, {"tls": {"secretName": "churn-tls"}}]
MUTUAL = {"tls": {"secretName": "churn-tls", "clientCA": {"configMapName": "clients-ca"}}}
JWT = {"issuer": "https://idp.example.com", "audiences": ["churn"], "jwks": {"uri": "https://idp.example.com/jwks"}}
CLOSED: list[dict[str, Any]] = [{"auth": {"apiKeys": {"secretName": "churn-keys"}}}, MUTUAL, {"auth": {"jwt": [JWT]}}]


@pytest.mark.parametrize(("router", "status"), [*((r, "True") for r in OPEN), *((r, "False") for r in CLOSED)])
def test_it_is_exposed_while_nobody_is_asked(router: dict[str, Any], status: str) -> None:
    verdict = exposed_verdicts(access(Router.model_validate(router)))[ConditionType.EXPOSED]
    assert verdict.status == status
    assert verdict.reason == (Reason.NO_AUTH if status == "True" else Reason.CLIENTS_KNOWN)


def test_the_secret_is_named() -> None:
    verdict = exposed_verdicts(access(Router.model_validate(CLOSED[0])))[ConditionType.EXPOSED]
    assert verdict.message == "clients are known by the keys in Secret churn-keys"


def router_pod(*problems: str, closed: bool = False, ready: bool = True) -> RouterPod:
    return RouterPod("m-router-1", "10.0.0.1", None, ready=ready, credentials=Credentials(problems, closed=closed))


def test_what_is_missing_is_said_once_whoever_says_it() -> None:
    assert missing_credentials([router_pod(), router_pod()]) is None
    problem = missing_credentials([router_pod("a", "b"), router_pod("b", "c", "d", "e")])
    assert problem is not None
    assert (problem.reason, problem.message) == (Reason.CREDENTIALS_MISSING, "a; b; c; and 2 more")


@pytest.mark.parametrize(
    ("routers", "closed"),
    [
        ([], False),
        ([router_pod("a", closed=True)], True),
        ([router_pod("a", closed=True), router_pod()], False),
        ([router_pod("a", closed=True), router_pod(ready=False)], True),
        ([router_pod("a", closed=True, ready=False)], False),
    ],
)
def test_no_router_that_takes_requests_lets_anybody_in(routers: list[RouterPod], *, closed: bool) -> None:
    assert is_closed(routers) is closed


def test_what_answers_and_lets_nobody_in_is_not_ready() -> None:
    world = World(replicas=1, router=CLOSED[0])
    world.run(60)
    assert world.condition("Ready") == ("True", "Answering")
    world.credentials = Credentials(("Secret churn-keys is missing or empty: nobody is let in",), closed=True)
    world.run(60)
    assert world.condition("Ready") == ("False", "CredentialsMissing")
    assert world.condition("Degraded") == ("True", "CredentialsMissing")
    world.credentials = Credentials(("the key of team-a has 5 characters",))
    world.run(60)
    assert world.condition("Ready") == ("True", "Answering")
    assert world.condition("Degraded") == ("True", "CredentialsMissing")
