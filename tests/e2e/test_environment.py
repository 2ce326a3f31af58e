"""Variables of a Ray Pod as the kubelet makes them, a Secret that is changed, and a restart."""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.then import Then
from e2e.wait import NotYetError, eventually
from e2e.when import When

KEYS = "rotated-keys"
ENV: list[dict[str, Any]] = [
    {"name": "NODE_ADDRESS", "value": "$(POD_IP)"},
    {"name": "BASE", "value": "/mnt/data"},
    {"name": "HOME", "value": "$(BASE)/home"},
    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": KEYS, "key": "key"}}},
]
STEPS = [{"setWeight": 50}, {"pause": {"duration": "5s"}}]


def put_secret(given: Given, value: str) -> None:
    meta = {"name": KEYS, "namespace": ROLLOUT_NAMESPACE}
    given.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"key": value}})


@pytest.fixture(scope="module")
def told(given: Given) -> Iterator[Served]:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    put_secret(given, "old")
    app = {"app": {"importPath": "apps:environment"}, "env": ENV, "rollout": {"steps": STEPS}}
    md = given.settled(given.knobs_manifest("environment", **app))
    yield Served(md=md, client=client, path="/", body={"names": [each["name"] for each in ENV]}, expected=None)
    given.cluster.delete("md", md.name, md.namespace)


def keys(served: Served, replicas: int) -> set[str]:
    """The values of the Secret's variable in all replicas, each asked until so many have answered."""
    found: dict[str, str] = {}

    def look() -> set[str]:
        answer = served.client.ask("POST", served.url, served.body).json()
        found[answer["RAY_CLOUD_INSTANCE_ID"]] = answer["KEY"]
        if len(found) < replicas:
            raise NotYetError(f"{found} have answered")
        return set(found.values())

    return eventually(f"{replicas} replicas answer", look, within=30, poll=0.05)


def test_variables_expand_ours_and_theirs_in_their_order(told: Served) -> None:
    answer = told.client.ask("POST", told.url, told.body).json()
    (worker,) = told.md.pods("worker")
    assert answer["NODE_ADDRESS"] == worker["status"]["podIP"]
    assert (answer["HOME"], answer["KEY"]) == ("/mnt/data/home", "old")


def test_who_began_with_another_secret_is_named_and_a_restart_makes_them_alike(
    told: Served, given: Given, when: When, then: Then
) -> None:
    before = told.md.stable_revision()
    (old,) = told.md.live_pods("worker")
    put_secret(given, "new")
    when.scaled(told.md, 2)
    then.settled(told.md)
    assert keys(told, 2) == {"old", "new"}
    said = then.condition(
        told.md, "SameReferences", "False", reasons={"ReferencesDiffer"}, saying=f"Secret {KEYS}", within=30
    )
    assert f"Pod {old} began with other values" in said["message"], said

    with when.loaded(told) as load:
        when.told(told.md, "restart")
        then.weight(told.md, 50)
        then.settled(told.md)

    assert told.md.stable_revision() != before
    assert keys(told, 2) == {"new"}
    assert told.md.condition("SameReferences")["status"] == "True"
    then.no_request_failed(load.result, at_least=20)


def test_the_annotation_that_git_or_kubectl_writes_restarts(told: Served, given: Given, then: Then) -> None:
    before = told.md.stable_revision()
    where = (told.md.name, "-n", told.md.namespace)
    given.cluster.kubectl("annotate", "--overwrite", "md", *where, "kubectl.kubernetes.io/restartedAt=keys of May")
    then.weight(told.md, 50)
    then.settled(told.md)
    assert told.md.stable_revision() != before
