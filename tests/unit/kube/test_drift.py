import copy
from typing import Any

import pytest

from eagleray.kube.drift import differs
from eagleray.kube.kinds import CONFIG_MAP, DEPLOYMENT, Manifest
from eagleray.kube.trim import trim
from unit.kube.objects import child, model

WANTED: Manifest = child(
    DEPLOYMENT,
    "churn-router",
    model(),
    annotations={"eagleray.dev/hash": "1"},
    rest={
        "spec": {
            "replicas": 2,
            "paused": None,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "spec": {
                    "automountServiceAccountToken": False,
                    "nodeSelector": {"pool": "cpu"},
                    "tolerations": [{"key": "spot", "operator": "Exists"}],
                    "volumes": [{"name": "config", "emptyDir": {}}],
                    "containers": [
                        {
                            "name": "envoy",
                            "image": "router:1",
                            "args": ["--quiet"],
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
                            "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
                            "volumeMounts": [
                                {"name": "config", "mountPath": "/a"},
                                {"name": "config", "mountPath": "/b"},
                            ],
                        }
                    ],
                }
            },
        }
    },
)
CONTAINER = ("spec", "template", "spec", "containers", 0)


def live() -> Manifest:
    """What an API server makes of it: defaults, others' fields, and shorter ways to write the same."""
    made = copy.deepcopy(WANTED)
    del made["spec"]["paused"]
    made["metadata"]["labels"]["team"] = "a"
    made["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    made["metadata"]["ownerReferences"].insert(0, {"uid": "other", "name": "x", "kind": "X"})
    made["status"] = {"replicas": 2}
    pod = made["spec"]["template"]["spec"]
    pod["dnsPolicy"] = "ClusterFirst"
    pod["containers"].insert(0, {"name": "injected", "image": "mesh:1"})
    pod["tolerations"][0]["effect"] = ""
    envoy = pod["containers"][1]
    envoy["resources"] = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    envoy["env"] = [{"name": "INJECTED", "value": "x"}, {"name": "B"}, {"name": "A", "value": "1"}]
    return made


def changed(path: tuple[Any, ...], value: Any) -> Manifest:
    made = live()
    inside: Any = made
    for key in path[:-1]:
        inside = inside[key + 1 if key == 0 else key]
    inside[path[-1]] = value
    return made


def test_what_is_as_it_was_wanted_differs_in_nothing() -> None:
    assert differs(trim(live()), trim(WANTED)) == ""
    assert differs(trim(WANTED), trim(WANTED)) == ""


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("spec", "replicas"), 0, "spec.replicas"),
        (("spec", "replicas"), None, "spec.replicas"),
        (("spec", "replicas"), True, "spec.replicas"),
        (("spec", "selector"), {"matchLabels": {"a": "b", "c": "d"}}, "spec.selector"),
        (("spec", "template"), "x", "spec.template"),
        (("metadata", "labels"), {"team": "a"}, "metadata.labels.app.kubernetes.io/managed-by"),
        (("metadata", "annotations"), None, "metadata.annotations"),
        (("metadata", "ownerReferences"), [], "metadata.ownerReferences"),
        ((*CONTAINER[:3], "automountServiceAccountToken"), None, "spec.template.spec.automountServiceAccountToken"),
        ((*CONTAINER[:3], "nodeSelector"), {"pool": "cpu", "x": "y"}, "spec.template.spec.nodeSelector"),
        ((*CONTAINER[:3], "tolerations"), [], "spec.template.spec.tolerations"),
        (
            (*CONTAINER[:3], "tolerations"),
            [{"key": "x", "operator": "Exists"}],
            "spec.template.spec.tolerations[0].key",
        ),
        ((*CONTAINER[:3], "containers"), "x", "spec.template.spec.containers"),
        ((*CONTAINER[:3], "containers"), ["x"], "spec.template.spec.containers[envoy]"),
        ((*CONTAINER, "image"), "evil:1", "spec.template.spec.containers[envoy].image"),
        ((*CONTAINER, "args"), ["--quiet", "--loud"], "spec.template.spec.containers[envoy].args"),
        ((*CONTAINER, "env"), [{"name": "A", "value": "2"}], "spec.template.spec.containers[envoy].env[A].value"),
        (
            (*CONTAINER, "resources"),
            {"requests": {"cpu": "500m", "memory": "1G"}},
            "spec.template.spec.containers[envoy].resources.requests.memory",
        ),
        (
            (*CONTAINER, "resources"),
            {"requests": {"cpu": "much", "memory": "1Gi"}},
            "spec.template.spec.containers[envoy].resources.requests.cpu",
        ),
        (
            (*CONTAINER, "volumeMounts"),
            [{"name": "config", "mountPath": "/a"}, {"name": "config", "mountPath": "/c"}],
            "spec.template.spec.containers[envoy].volumeMounts[/b]",
        ),
    ],
)
def test_the_first_field_that_another_changed_is_named(path: tuple[Any, ...], value: Any, said: str) -> None:
    assert differs(trim(changed(path, value)), trim(WANTED)) == said


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"a.json": "1", "b.json": "2"}, ""),
        ({"a.json": "1", "b.json": "2", "c.json": "3"}, ""),
        ({"a.json": "1", "b.json": "3"}, "data.b.json"),
        ({"a.json": "1"}, "data.b.json"),
        (None, "data"),
    ],
)
def test_files_are_compared_by_their_digests(data: Any, said: str) -> None:
    wanted = child(CONFIG_MAP, "c", model(), rest={"data": {"a.json": "1", "b.json": "2"}})
    assert differs(trim(child(CONFIG_MAP, "c", model(), rest={"data": data})), trim(wanted)) == said
