from typing import Any

import pytest

from eagleray.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    MODEL_DEPLOYMENT,
    POD,
    REPLICA_SET,
    SERVICE,
    Kind,
)
from eagleray.kube.trim import TEXT_LIMIT, trim
from unit.kube.objects import made

NOTED: dict[str, Any] = {
    "managedFields": [{"manager": "m"}],
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"},
    "generation": 3,
    "creationTimestamp": "2026-01-01T00:00:00Z",
}


def test_a_pod_keeps_what_a_look_reads() -> None:
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "m", "x": 1}, "x": 1}
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "containerID": "c", "finishedAt": "t"}}
    status = {"name": "ray", "state": state, "lastState": ended, "imageID": "i", "restartCount": 1, "ready": True}
    pod = made(
        POD,
        "p",
        **NOTED,
        rest={
            "spec": {
                "nodeName": "n",
                "containers": [{"name": "ray", "image": "i", "env": [{"name": "A"}]}],
                "initContainers": [{"name": "fetch", "restartPolicy": "Always", "image": "i"}],
                "tolerations": [{"key": "a"}],
            },
            "status": {
                "phase": "Running",
                "reason": "r",
                "message": "m",
                "podIP": "10.0.0.1",
                "podIPs": [{"ip": "10.0.0.1"}],
                "hostIP": "10.1.1.1",
                "startTime": "t",
                "conditions": [
                    {"type": "Ready", "status": "True", "reason": "r", "message": "m", "lastProbeTime": None}
                ],
                "containerStatuses": [status],
                "initContainerStatuses": [status],
            },
        },
    )
    kept = {
        "name": "ray",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "m"}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "t"}},
        "imageID": "i",
    }
    assert trim(pod) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "namespace": "ns",
            "uid": "pods-p",
            "generation": 3,
            "annotations": {"a": "b"},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "nodeName": "n",
            "containers": [{"name": "ray", "image": "i"}],
            "initContainers": [{"name": "fetch", "restartPolicy": "Always"}],
        },
        "status": {
            "phase": "Running",
            "reason": "r",
            "message": "m",
            "podIP": "10.0.0.1",
            "podIPs": [{"ip": "10.0.0.1"}],
            "startTime": "t",
            "conditions": [{"type": "Ready", "status": "True", "reason": "r", "message": "m"}],
            "containerStatuses": [kept],
            "initContainerStatuses": [kept],
        },
    }


def test_a_pods_texts_are_cut() -> None:
    long = "x" * 2 * TEXT_LIMIT
    status = {"message": long, "containerStatuses": [{"name": "ray", "state": {"waiting": {"message": long}}}]}
    kept = trim(made(POD, "p", annotations={"a": long}, rest={"status": status}))
    assert len(kept["status"]["message"]) == TEXT_LIMIT
    assert len(kept["status"]["containerStatuses"][0]["state"]["waiting"]["message"]) == TEXT_LIMIT
    assert len(kept["metadata"]["annotations"]["a"]) == TEXT_LIMIT


@pytest.mark.parametrize(("kind", "keeps_status"), [(DEPLOYMENT, False), (MODEL_DEPLOYMENT, True)])
def test_other_kinds_keep_all_but_what_is_noted_of_their_writing(kind: Any, keeps_status: bool) -> None:  # noqa: FBT001
    spec = {"template": {"x": ["y" * 2 * TEXT_LIMIT]}, "replicas": 2}
    kept = trim(made(kind, "d", **NOTED, rest={"spec": spec, "status": {"replicas": 1}}))
    assert kept["spec"] == spec
    assert kept["metadata"]["annotations"] == {"a": "b"}
    assert "managedFields" not in kept["metadata"]
    assert "resourceVersion" not in kept["metadata"]
    assert ("status" in kept) == keeps_status


def test_a_replica_set_only_leads_from_a_deployment_to_its_pods() -> None:
    kept = trim(made(REPLICA_SET, "r", **NOTED, rest={"spec": {"template": {}}, "status": {}}))
    assert kept.keys() == {"apiVersion", "kind", "metadata"}
    assert kept["metadata"]["name"] == "r"


def test_nothing_of_a_configmap_is_kept_but_digests() -> None:
    kept = trim(made(CONFIG_MAP, "c", rest={"data": {"a": "secret"}, "binaryData": {"b": "c2VjcmV0"}}))
    assert "secret" not in str(kept)
    assert {len(digest) for digest in (*kept["data"].values(), *kept["binaryData"].values())} == {len("sha256:") + 64}


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ({"containerStatuses": [{"state": {}}, {"name": 1}, "x", {"name": "ray"}]}, [{"name": "ray"}]),
        ({"containerStatuses": {"name": "ray"}}, None),
        ({"containerStatuses": None}, None),
        (None, None),
        ([], None),
    ],
)
def test_what_is_of_another_type_is_left_out(status: Any, kept: Any) -> None:
    assert trim(made(POD, "p", rest={"status": status})).get("status", {}).get("containerStatuses") == kept


BALANCED = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
ACCEPTED = {"type": "Accepted", "status": "True", "observedGeneration": 2, "reason": "r", "message": "m"}
PARENTS = {"parents": [{"parentRef": {"name": "public", "sectionName": "https"}, "conditions": [ACCEPTED]}]}


@pytest.mark.parametrize(
    ("kind", "status", "kept"),
    [
        (SERVICE, {**BALANCED, "conditions": [{"type": "x"}]}, BALANCED),
        (SERVICE, {"loadBalancer": {"ingress": [{"ip": "192.0.2.7", "ports": [{"port": 80}]}]}}, BALANCED),
        (INGRESS, BALANCED, BALANCED),
        (HTTP_ROUTE, {**PARENTS, "x": 1}, PARENTS),
        (
            HTTP_ROUTE,
            {"parents": [{"conditions": [ACCEPTED]}, {"parentRef": {"name": "public"}, "x": 1}]},
            {"parents": [{"parentRef": {"name": "public"}}]},
        ),
        (HTTP_ROUTE, {"parents": "none"}, {}),
        (INGRESS, "none", None),
        (DEPLOYMENT, BALANCED, None),
    ],
)
def test_of_a_status_of_others_what_is_read_is_kept(kind: Kind, status: Any, kept: Any) -> None:
    assert trim(made(kind, "m", rest={"spec": {}, "status": status})).get("status") == kept


def test_what_a_gateway_says_is_cut() -> None:
    wordy = {**ACCEPTED, "message": "x" * TEXT_LIMIT * 2}
    status = {"parents": [{"parentRef": {"name": "public"}, "conditions": [wordy]}]}
    told = trim(made(HTTP_ROUTE, "m", rest={"status": status}))["status"]["parents"][0]["conditions"][0]["message"]
    assert len(told) == TEXT_LIMIT
