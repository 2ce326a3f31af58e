"""The examples `recommender` and `version-switch`: right answers, one copy of the embeddings, a switch under load."""

from collections.abc import Iterator

import numpy as np
import pytest

from e2e.client import Client
from e2e.deployment import ModelDeployment
from e2e.given import ROLLOUT_NAMESPACE, Given
from e2e.then import Then
from e2e.wait import NotYetError, eventually
from e2e.when import When

BODY = {"user": 17, "count": 5}
EMBEDDINGS = "/opt/models/recommender/1"
# Of each replica, in kB: what is its own, and its part of the embeddings, which it shares. Pages that nobody wrote to,
# of libraries, are the kernel's to drop; they are private wherever no other process of the node happens to have them.
MEMORY = """
import json, pathlib, re
found = {}
for process in pathlib.Path("/proc").glob("[0-9]*"):
    if not (process / "cmdline").read_text().startswith("ray::ServeReplica"):
        continue
    private = re.findall(r"^Private_Dirty: +(\\d+)", (process / "smaps_rollup").read_text(), re.M)
    mapped = re.findall(r"items.npy\\n(?:.*\\n)*?Rss: +(\\d+) kB\\nPss: +(\\d+)", (process / "smaps").read_text())
    found[process.name] = [sum(map(int, private)), *[sum(int(m[i]) for m in mapped) for i in (0, 1)]]
print(json.dumps(found))
"""
TOP = f"""
import json, numpy as np
users, items = (np.load(f"{EMBEDDINGS}/{{name}}.npy") for name in ("users", "items"))
scores = users[{BODY["user"]}] @ items.T
print(json.dumps([np.argsort(-scores, kind="stable")[:{BODY["count"]}].tolist(), scores.max().item()]))
"""


def all_to(client: Client, md: ModelDeployment, version: str) -> None:
    if (found := client.count(md.url, 50, body=BODY).versions) != {version: 50}:
        raise NotYetError(f"{found}")


@pytest.fixture(scope="module")
def client(given: Given) -> Client:
    given.operator()
    return given.client(ROLLOUT_NAMESPACE)


@pytest.fixture(autouse=True)
def cleared(given: Given) -> Iterator[None]:
    yield
    given.cluster.delete("md", "recommender", ROLLOUT_NAMESPACE)


def test_four_replicas_share_one_copy_and_answer_rightly(given: Given, client: Client, when: When, then: Then) -> None:
    one = given.own_image("recommender", replicas=1)
    del one["spec"]["autoscaling"]  # the clock is none of the test's
    md = given.settled(one)
    (pod,) = md.live_pods("worker")
    items, best = md.in_worker(pod, TOP)
    answer = client.ask("POST", md.url, BODY).json()
    assert answer["items"] == items
    assert np.isclose(answer["scores"][0], best, atol=1e-3)
    assert client.ask("POST", md.url, {"user": -1, "count": 5}).status == 422
    ((alone, mapped, _),) = md.in_worker(pod, MEMORY).values()
    assert mapped > 1000, "the embeddings are not mapped"

    when.scaled(md, 4)
    then.settled(md)
    assert md.live_pods("worker") == [pod], "four replicas fit one Pod"
    fresh = list(md.in_worker(pod, MEMORY).values())
    assert len(fresh) == 4
    assert all(abs(private - alone) <= 0.1 * alone for private, _, _ in fresh), (alone, fresh)
    assert client.count(md.url, 400, at_once=64, body=BODY).statuses == {"200": 400}
    used = list(md.in_worker(pod, MEMORY).values())
    assert [whole for _, whole, _ in used] == [mapped] * 4, "each has read them"
    assert sum(share for _, _, share in used) <= 1.1 * mapped, (mapped, used)


def test_a_switch_after_a_look_loses_no_request(given: Given, client: Client, when: When, then: Then) -> None:
    md = given.settled(given.own_image("version-switch", "recommender"))
    looked = client.count(md.url, 20, headers={"x-eagleray-version": "v2"}, body=BODY)
    assert (looked.versions, looked.statuses) == ({"v2": 20}, {"200": 20})
    with client.load(md.url, body=BODY, expected=None) as load:
        assert client.count(md.url, 20, body=BODY).versions == {"v1": 20}
        versions = given.own_image("version-switch", "recommender")["spec"]["versions"]
        weights = {"v1": 0, "v2": 100}
        when.changed(md, {"versions": [{**version, "weight": weights[version["name"]]} for version in versions]})
        eventually("every request goes to v2", lambda: all_to(client, md, "v2"), within=30)
    then.no_request_failed(load.result, at_least=20)
