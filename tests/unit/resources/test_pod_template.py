"""What is merged into Pods: as the API server merges, and nothing by which a Pod would be another."""

from typing import Any

import pytest

from eagleray.api.pod_spec import OF_RAY, OF_ROUTER, REFUSED, Ours
from eagleray.api.pod_template import PodTemplate, RouterPodTemplate, check_mount
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.goals.pod_defaults import PodDefaults
from eagleray.resources.pod import PodSettings
from eagleray.resources.pod_template import merge
from unit.resources.built import (
    MakeRevision,
    Manifest,
    all_containers,
    batch_pod,
    head_pod,
    ray_pods,
    router_pod,
    router_pods,
    worker_pod,
)

SIDECAR = {"name": "log", "image": "log:1", "volumeMounts": [{"name": "spool", "mountPath": "/spool"}]}
FULL: dict[str, Any] = {
    "metadata": {"labels": {"team": "ml"}, "annotations": {"safe-to-evict": "true"}},
    "spec": {
        "containers": [SIDECAR, {"name": "ray", "volumeMounts": [{"name": "spool", "mountPath": "/spool"}]}],
        "initContainers": [
            {"name": "login", "image": "login:1"},
            {"name": "fetch", "volumeMounts": [{"name": "spool", "mountPath": "/spool"}]},
        ],
        "volumes": [{"name": "spool", "emptyDir": {}}],
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "nodeSelector": {"pool": "ml"},
        "securityContext": {"runAsUser": 1000660000},
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    },
}
# What no template changes of a container of ours.
KEPT = (
    "command",
    "args",
    "env",
    "envFrom",
    "ports",
    "image",
    "lifecycle",
    "readinessProbe",
    "livenessProbe",
    "startupProbe",
)


def names(pod: Manifest, kind: str = "containers") -> list[str]:
    return [container["name"] for container in pod["spec"].get(kind, [])]


@pytest.mark.parametrize(
    ("base", "patch", "merged"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"nodeSelector": {"a": "1", "b": "1"}}, {"nodeSelector": {"b": "2"}}, {"nodeSelector": {"a": "1", "b": "2"}}),
        # Lists without a key are replaced …
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        # … those with one are merged item by item, and what is new comes last.
        (
            {"hostAliases": [{"ip": "1", "hostnames": ["a"]}, {"ip": "2"}]},
            {"hostAliases": [{"ip": "3"}, {"ip": "1", "hostnames": ["b"]}]},
            {"hostAliases": [{"ip": "1", "hostnames": ["b"]}, {"ip": "2"}, {"ip": "3"}]},
        ),
        (
            {"containers": [{"name": "a", "args": ["x"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]},
            {"containers": [{"name": "a", "args": ["y"], "volumeMounts": [{"name": "w", "mountPath": "/w"}]}]},
            {
                "containers": [
                    {
                        "name": "a",
                        "args": ["y"],
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "w", "mountPath": "/w"}],
                    }
                ]
            },
        ),
        ({"dnsConfig": {"searches": ["a"]}}, {"dnsConfig": {"searches": ["b"]}}, {"dnsConfig": {"searches": ["b"]}}),
        ({"affinity": {"a": 1}}, {"affinity": "x"}, {"affinity": "x"}),
    ],
)
def test_the_merge_is_strategic(base: Manifest, patch: Manifest, merged: Manifest) -> None:
    assert merge(base, patch) == merged
    assert merge(merged, patch) == merged, "a second time changes nothing"


def test_a_template_reaches_heads_workers_and_routers(make_revision: MakeRevision) -> None:
    revision = make_revision(workers={"podTemplate": FULL}, head={"podTemplate": FULL})
    router = router_pod(RouterConfig("churn", "shop"), template=RouterPodTemplate.model_validate(FULL))
    for pod in (head_pod(revision), worker_pod(revision), router):
        assert pod["metadata"]["labels"]["team"] == "ml"
        assert pod["metadata"]["annotations"]["safe-to-evict"] == "true"
        assert pod["spec"]["tolerations"] == [{"key": "pool", "operator": "Exists"}]
        assert pod["spec"]["nodeSelector"]["pool"] == "ml"
        assert pod["spec"]["securityContext"]["runAsUser"] == 1000660000
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert names(pod)[1:] == ["log"] or "ray" in names(pod), "a sidecar comes last"


@pytest.mark.parametrize("built", [head_pod, worker_pod])
def test_nothing_by_which_a_pod_works_is_changed(built: Any, make_revision: MakeRevision) -> None:
    plain = make_revision()
    told = make_revision(workers={"podTemplate": FULL}, head={"podTemplate": FULL})
    before, after = built(plain), built(told)
    ours = {c["name"]: c for c in all_containers(before)}
    for container in all_containers(after):
        if container["name"] in ours:
            kept = {name: value for name, value in ours[container["name"]].items() if name in KEPT}
            # The two revisions are called differently, and that is in addresses and in the token's name.
            assert {k: str(v).replace(told.name, plain.name) for k, v in container.items() if k in KEPT} == {
                k: str(v) for k, v in kept.items()
            }
    assert [name for name in REFUSED if before["spec"].get(name) != after["spec"].get(name)] in ([], ["subdomain"])
    for name in before["metadata"]["labels"].keys() - {"eagleray.dev/revision"}:
        assert after["metadata"]["labels"][name] == before["metadata"]["labels"][name]


def test_what_prepares_comes_before_what_is_prepared(make_revision: MakeRevision) -> None:
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}}]
    pod = worker_pod(make_revision(env=env, workers={"podTemplate": FULL}))
    assert names(pod, "initContainers") == ["login", "fetch", "references"]
    assert {"name": "spool", "mountPath": "/spool"} in pod["spec"]["initContainers"][1]["volumeMounts"]


def test_a_container_of_ours_that_is_not_there_is_not_made(make_revision: MakeRevision) -> None:
    pod = worker_pod(make_revision(app={"importPath": "a:b"}, workers={"podTemplate": FULL}))
    assert names(pod, "initContainers") == ["login"]


def test_a_batch_has_all_of_it_but_containers_with_which_it_would_never_end(make_revision: MakeRevision) -> None:
    pod = batch_pod(make_revision(workers={"podTemplate": FULL}))
    assert names(pod) == ["batch"]
    assert pod["metadata"]["labels"]["team"] == "ml"
    assert names(pod, "initContainers") == ["login", "fetch"]
    assert {"name": "spool", "emptyDir": {}} in pod["spec"]["volumes"]


def test_the_template_of_a_deployment_is_that_of_its_version_where_it_has_none(make_revision: MakeRevision) -> None:
    own = {"metadata": {"labels": {"team": "scorers"}}}
    parts = [{"name": "A", "workers": {"replicasPerPod": 2}}, {"name": "B", "workers": {"podTemplate": own}}]
    app = {"importPath": "a:b", "deployments": parts}
    revision = make_revision(app=app, workers={"podTemplate": {"metadata": {"labels": {"team": "ml"}}}})
    templates = [group.pod_template for group in revision.groups]
    assert [t.metadata.labels for t in templates if t and t.metadata] == [{"team": "ml"}, {"team": "scorers"}]


def test_the_clusters_templates_are_below_those_of_the_object(make_revision: MakeRevision) -> None:
    cluster = {"metadata": {"labels": {"team": "all", "cost": "1"}}, "spec": {"schedulerName": "ours"}}
    defaults = PodDefaults.model_validate({"templates": dict.fromkeys(("head", "workers", "router"), cluster)})
    revision = make_revision(workers={"podTemplate": FULL}, head={"podTemplate": FULL})
    settings = PodSettings(defaults=defaults)
    router = router_pod(RouterConfig("churn", "shop"), settings, RouterPodTemplate.model_validate(FULL))
    for pod in (head_pod(revision, settings), worker_pod(revision, settings), batch_pod(revision, settings), router):
        assert pod["metadata"]["labels"].items() >= {"team": "ml", "cost": "1"}.items()
        assert pod["spec"]["schedulerName"] == "ours"
    assert PodSettings.read(settings.text()).defaults == defaults


def test_nothing_that_the_operator_builds_could_be_taken_by_a_template(make_revision: MakeRevision) -> None:
    kinds: tuple[tuple[Ours, list[tuple[str, Manifest]]], ...] = (
        (OF_RAY, [*ray_pods(make_revision)]),
        (OF_ROUTER, [*router_pods()]),
    )
    for ours, pods in kinds:
        for what, pod in pods:
            for container in all_containers(pod):
                assert container["name"] in ours.containers, what
                for mount in container.get("volumeMounts", []):
                    with pytest.raises(ValueError, match="is the operator's own"):
                        check_mount(mount, ours)
            for volume in pod["spec"]["volumes"]:
                assert ours.volumes.fullmatch(volume["name"]), (what, volume["name"])
        every = {container["name"] for _, pod in pods for container in all_containers(pod)}
        assert every == ours.containers, "no name is kept from others for nothing"


def test_an_empty_template_changes_nothing(make_revision: MakeRevision) -> None:
    revision = make_revision()
    empty = PodDefaults(templates={"head": {}, "workers": {"spec": {}}, "router": {}})
    assert worker_pod(revision, PodSettings(defaults=empty)) == worker_pod(revision)
    assert PodTemplate() == PodTemplate.model_validate({})
