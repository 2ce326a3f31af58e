"""Whether strangers may ask, and what is missing of that by which clients are known."""

from typing import Any

import pytest

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.router import Router
from eagleray.domain.facts.routers import RouterPod
from eagleray.domain.status.exposure import exposed_verdicts, missing_credentials
from eagleray.domain.traffic.access import access

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


def router_pod(*problems: str) -> RouterPod:
    return RouterPod("m-router-1", "10.0.0.1", None, credentials=problems)


def test_what_is_missing_is_said_once_whoever_says_it() -> None:
    assert missing_credentials([router_pod(), router_pod()]) is None
    problem = missing_credentials([router_pod("a", "b"), router_pod("b", "c", "d", "e")])
    assert problem is not None
    assert (problem.reason, problem.message) == (Reason.CREDENTIALS_MISSING, "a; b; c; and 2 more")
