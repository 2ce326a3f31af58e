"""What a podTemplate may say: every table held against Kubernetes' own types, every refusal by its words."""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client.models import V1Container, V1PodSpec, V1Volume
from pydantic import ValidationError

from eagleray.api.crd.manifest import root_schema
from eagleray.api.pod_spec import MERGE_KEYS, MERGED, OF_OUR_CONTAINERS, OF_ROUTER, REFUSED, VOLUME_SOURCES
from eagleray.api.pod_template import PodTemplate, RouterPodTemplate, check_mount, check_volume
from eagleray.api.restricted import UNRESTRICTED
from eagleray.api.spec import explain

# Every list in a PodSpec with its `x-kubernetes-patch-merge-key`, as the API of Kubernetes 1.34 describes itself.
LISTS: dict[str, str | None] = json.loads(Path(__file__).with_name("pod_lists.json").read_text())
DOCS = Path(__file__).parents[3] / "docs/how-to/your-own-pod-fields.md"


def refusal(spec: dict[str, Any], model: type[PodTemplate] = PodTemplate) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"spec": spec})
    return explain(caught.value)


def test_every_field_of_a_pod_is_merged_or_refused_by_name() -> None:
    fields = set(V1PodSpec.attribute_map.values())
    assert MERGED | REFUSED.keys() == fields
    assert not MERGED & REFUSED.keys()


def test_every_list_is_merged_by_the_key_that_kubernetes_merges_it_by() -> None:
    merged = {path: key for path, key in LISTS.items() if path.partition("[]")[0].partition(".")[0] in MERGED}
    assert {path: key for path, key in merged.items() if key} == dict(MERGE_KEYS)
    for kind in ("containers", "initContainers"):
        assert f"{kind}[].envFrom" in merged, "the table of lists has those of containers"


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_the_operators_is_refused_by_name_and_told_in_the_docs(name: str) -> None:
    assert f"{name} is the operator's: {REFUSED[name].why}; leave it out" in refusal({name: "x"})
    assert f"| `{name}` |" in DOCS.read_text()


def test_what_kubectl_can_know_it_refuses() -> None:
    spec = root_schema()["properties"]["spec"]["properties"]
    for where in ("workers", "head", "router"):
        template = spec[where]["properties"]["podTemplate"]["properties"]["spec"]
        assert template["x-kubernetes-preserve-unknown-fields"] is True
        known = template["properties"]
        assert known.keys() == {name for name, refused in REFUSED.items() if refused.kind}
        for name, field in known.items():
            (rule,) = field["x-kubernetes-validations"]
            assert (rule["rule"], name in rule["message"]) == ("false", True)


UNRESTRICTED_VALUES: dict[str, Any] = {
    "allowPrivilegeEscalation": True,
    "appArmorProfile": {"type": "Unconfined"},
    "capabilities": {"add": ["SYS_ADMIN"]},
    "hostPath": {"path": "/"},
    "hostPort": 80,
    "hostProcess": True,
    "privileged": True,
    "procMount": "Unmasked",
    "runAsNonRoot": False,
    "runAsUser": 0,
    "seLinuxOptions": {"type": "spc_t"},
    "seccompProfile": {"type": "Unconfined"},
    "sysctls": [{"name": "kernel.msgmax", "value": "1"}],
}


@pytest.mark.parametrize("name", UNRESTRICTED)
def test_a_pod_stays_restricted(name: str) -> None:
    own = {"name": "log", "image": "log:1", "securityContext": {name: UNRESTRICTED_VALUES[name]}}
    for kind in ("containers", "initContainers"):
        assert f"{kind}[log].securityContext.{name} would take the Pod out of the policy restricted" in refusal(
            {kind: [own]}
        )
    assert f"{name} would take the Pod out" in refusal({"securityContext": {name: UNRESTRICTED_VALUES[name]}})


def test_what_restricted_takes_is_taken() -> None:
    context = {
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsUser": 1000660000,
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "seLinuxOptions": {"level": "s0:c123,c456"},
    }
    PodTemplate.model_validate({"spec": {"containers": [{"name": "log", "image": "a", "securityContext": context}]}})
    PodTemplate.model_validate({"spec": {"nodeSelector": {"hostPath": "yes", "privileged": "true"}}})


@pytest.mark.parametrize("name", sorted(set(V1Container.attribute_map.values()) - OF_OUR_CONTAINERS))
@pytest.mark.parametrize(
    ("ours", "kind"), [("ray", "containers"), ("fetch", "initContainers"), ("references", "initContainers")]
)
def test_our_containers_stay_as_they_are(name: str, ours: str, kind: str) -> None:
    assert f"container {ours}: {name} is the operator's" in refusal({kind: [{"name": ours, name: []}]})


@pytest.mark.parametrize("ours", sorted(OF_ROUTER.containers))
def test_a_routers_containers_take_a_limit_of_cpu_and_no_other_memory(ours: str) -> None:
    limits = {"name": ours, "resources": {"limits": {"cpu": "1"}}}
    RouterPodTemplate.model_validate({"spec": {"containers": [limits]}})
    memory = {"name": ours, "resources": {"limits": {"memory": "1Gi"}}}
    assert f"container {ours}: its memory is reckoned by the operator" in refusal(
        {"containers": [memory]}, RouterPodTemplate
    )


def test_a_sidecar_of_a_worker_may_be_called_as_the_routers_container() -> None:
    PodTemplate.model_validate({"spec": {"containers": [{"name": "envoy", "image": "mesh:1", "args": ["--name=x"]}]}})


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"evictionPolicy": 1}, "evictionPolicy is no field of a PodSpec that is known here"),
        ({"tolerations": None}, "tolerations: a podTemplate adds and replaces; it takes nothing away"),
        ({"securityContext": {"runAsUser": None}}, "securityContext.runAsUser: a podTemplate adds and replaces"),
        ({"containers": [{"name": "a", "$patch": "delete"}]}, "containers[].$patch: a podTemplate adds and replaces"),
        ({"containers": {"name": "a"}}, "containers is a list of objects that differ in name"),
        ({"containers": ["a"]}, "containers is a list of objects that differ in name"),
        ({"containers": [{"image": "a"}]}, "containers is a list of objects that differ in name"),
        ({"containers": [{"name": "a"}, {"name": "a"}]}, "containers is a list of objects that differ in name"),
        ({"volumes": [{"name": 1}]}, "a volume has no name"),
        ({"containers": [{"name": "a", "env": [{"value": "a"}]}]}, "containers[].env is a list of objects that differ"),
        ({"dnsPolicy": "Default"}, "with Default workers do not find their head"),
        ({"volumes": [{"name": "shm", "emptyDir": {}}]}, "a volume of the operator's is called shm"),
        ({"volumes": [{"name": "a", "nfs": {"server": "b"}}]}, "volume a has nfs; write exactly one of configMap"),
        ({"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}, "volumes[a].hostPath would take the Pod out"),
        ({"containers": [{"name": "ray", "env": []}]}, "env is the operator's; write env in place of it"),
        ({"containers": [{"name": "ray", "resources": {"limits": {"cpu": 1}}}]}, "its cpu is reckoned by the operator"),
        (
            {"containers": [{"name": "ray", "volumeMounts": [{"name": "a", "mountPath": "/tmp/"}]}]},  # noqa: S108
            "mountPath /tmp/ is the operator's own; mount volume a elsewhere",
        ),
    ],
)
def test_refused(spec: dict[str, Any], words: str) -> None:
    assert words in refusal(spec)


@pytest.mark.parametrize("key", ["eagleray.dev/name", "eagleray.dev/anything", "app.kubernetes.io/managed-by"])
@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_labels_by_which_pods_are_found_are_ours(kind: str, key: str) -> None:
    with pytest.raises(ValidationError, match="the operator finds its Pods by"):
        PodTemplate.model_validate({"metadata": {kind: {key: "x"}}})


def test_a_profile_of_apparmor_is_chosen_by_its_field() -> None:
    with pytest.raises(ValidationError, match=r"write securityContext\.appArmorProfile in place of it"):
        PodTemplate.model_validate(
            {"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/ray": "unconfined"}}}
        )


def test_volumes_are_those_that_restricted_pods_may_have() -> None:
    every = set(V1Volume.attribute_map.values()) - {"name"}
    for source in every & VOLUME_SOURCES:
        assert check_volume({"name": "a", source: {}})
    assert every >= VOLUME_SOURCES
    for source in every - VOLUME_SOURCES:
        with pytest.raises(ValueError, match=f"volume a has {source}; write exactly one of"):
            check_volume({"name": "a", source: {}})


@pytest.mark.parametrize(
    "path",
    ["/", "/tmp", "//tmp/", "/dev/shm", "/model", "/mnt/pvc/models", "/a/..", "data", None],  # noqa: S108 -- mounts
)
def test_mounts_hide_none_of_ours(path: str | None) -> None:
    with pytest.raises(ValueError, match="mountPath"):
        check_mount({"name": "a", "mountPath": path})


@pytest.mark.parametrize("path", ["/data", "/tmp/data", "/mnt", "/etc/ssl/private", "/models"])  # noqa: S108
def test_other_places_are_free(path: str) -> None:
    assert check_mount({"name": "a", "mountPath": path})


def test_a_template_goes_through_json_as_it_is() -> None:
    told = {"metadata": {"labels": {"a": "b"}}, "spec": {"tolerations": [{"operator": "Exists"}]}}
    assert PodTemplate.model_validate(told).model_dump(mode="json", by_alias=True, exclude_none=True) == told
