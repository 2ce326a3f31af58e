"""Section 8.2: the smallest Ray Serve application of one's own."""

import pytest

from e2e.given import Given, Served
from e2e.then import Then


@pytest.fixture(scope="module")
def square(given: Given) -> Served:
    given.operator()
    return given.square(replicas=2)


def test_seven_squared(square: Served, then: Then) -> None:
    then.answers(square.client, square.url, {"num": 7}, {"result": 49})


def test_the_applications_own_refusals_reach_the_client(square: Served) -> None:
    assert square.client.ask("POST", square.url, {"num": "seven"}).status == 422
    assert square.client.ask("GET", square.url).status == 405


def test_responses_name_the_revision(square: Served) -> None:
    answer = square.client.ask("POST", square.url, {"num": 7})
    assert answer.headers["x-eagleray-revision"] == square.md.stable_revision()
    assert answer.headers["x-eagleray-version"] == "default"


def test_every_pod_is_restricted(square: Served) -> None:
    """The namespace refuses others, so that it is enough that all are there; none has an API server's token."""
    label = square.md.cluster.get("namespace", square.md.namespace)["metadata"]["labels"]
    assert label["pod-security.kubernetes.io/enforce"] == "restricted"
    for role, count in {"head": 1, "worker": 2, "router": 2}.items():
        pods = square.md.pods(role)
        assert len(pods) == count, role
        for pod in pods:
            volumes = pod["spec"].get("volumes", [])
            tokens = [source for volume in volumes for source in volume.get("projected", {}).get("sources", [])]
            assert not any("serviceAccountToken" in source for source in tokens), pod["metadata"]["name"]


def test_a_head_runs_nothing_that_is_not_used(square: Served) -> None:
    """Where Ray's version has changed, `resources/ray_start.py` steps aside: then it is to be looked at again."""
    head = square.md.pods("head")[0]["metadata"]["name"]
    command = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'"
    found = square.md.cluster.kubectl("exec", "-n", square.md.namespace, head, "--", "sh", "-c", command)
    modules = {line.split()[0] for line in found.splitlines() if line.startswith("ray-dashboard-")}
    assert modules == {"ray-dashboard-ServeHead-0", "ray-dashboard-ReportHead-0"}
    assert "ray.util.client.server" not in found
    command = (
        "for maps in $(grep -l pandas/_libs /proc/[0-9]*/maps); do cat ${maps%maps}cmdline | tr '\\0' ' '; echo; done"
    )
    found = square.md.cluster.kubectl("exec", "-n", square.md.namespace, head, "--", "sh", "-c", command)
    assert {line.split()[0] for line in found.splitlines()} <= {"ray-dashboard-ServeHead-0"}
