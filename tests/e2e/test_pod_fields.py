"""A namespace with every policy that a platform team has at once, and an application that has what they demand.

Pods there are restricted, every container names a limit of CPU, every Pod a team, a service account and a user of the
namespace's own range.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.cluster import Manifest
from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.then import Then
from e2e.when import When

NAMESPACE = "e2e-policies"
POLICY = "e2e-policies.eagleray.dev"
USER = 1000660000
SIZE = "256Mi"
VARIABLES = ["GREETING", "SSL_CERT_FILE", "HOME"]
RULES = {
    "every Pod has a label team": "has(object.metadata.labels) && 'team' in object.metadata.labels",
    "every Pod has an account of its own": "object.spec.serviceAccountName == 'model'",
    "every Pod has a user of the namespace": f"object.spec.securityContext.runAsUser >= {USER}",
}
CPU = {"limits": {"cpu": "500m"}}
# A file that is read, and a place that only the sidecar writes to.
SEEN = """
import json, os
stat = os.statvfs("/dev/shm")
print(json.dumps({
    "user": os.getuid(),
    "settings": open("/settings/GREETING").read(),
    "spool": sorted(os.listdir("/spool")),
    "shared": stat.f_frsize * stat.f_blocks,
    "token": os.path.exists("/var/run/secrets/kubernetes.io"),
}))
"""


def policies() -> list[Manifest]:
    """The policies of the namespace, beside that its Pods are restricted."""
    meta = {"namespace": NAMESPACE}
    group = "admissionregistration.k8s.io"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    there = {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**meta, "name": "model"}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**meta, "name": "settings"},
            "data": {"GREETING": "good day"},
        },
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {**meta, "name": "cpu"},
            "spec": {"hard": {"limits.cpu": "20"}},
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": POLICY},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [pods], "namespaceSelector": there},
                "validations": [{"expression": rule, "message": message} for message, rule in RULES.items()],
            },
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": POLICY},
            "spec": {"policyName": POLICY, "validationActions": ["Deny"]},
        },
    ]


def template(*containers: Manifest, **spec: Any) -> Manifest:
    """What every Pod has, and more."""
    common = {"serviceAccountName": "model", "securityContext": {"runAsUser": USER}}
    return {
        "metadata": {
            "labels": {"team": "ml"},
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
        },
        "spec": {**common, **spec, **({"containers": [*containers]} if containers else {})},
    }


def sidecar(image: str) -> Manifest:
    """A container that stands beside the Ray container for as long as that runs, and writes a file."""
    write = "import pathlib, signal; pathlib.Path('/spool/written').touch(); signal.pause()"
    return {
        "name": "spooler",
        "image": image,
        "restartPolicy": "Always",
        "command": ["python3", "-c", write],
        "resources": CPU,
        "volumeMounts": [{"name": "spool", "mountPath": "/spool"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def spec(image: str) -> Manifest:
    """What the application says beyond what it serves."""
    mounts = [{"name": "spool", "mountPath": "/spool"}]
    workers = template(
        {"name": "ray", "volumeMounts": mounts},
        initContainers=[sidecar(image)],
        volumes=[{"name": "spool", "emptyDir": {"sizeLimit": "1Mi"}}],
        tolerations=[{"key": "reserved", "operator": "Equal", "value": "ml"}],
    )
    return {
        "app": {"importPath": "apps:environment"},
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1"}},
        "serviceAccountName": "model",
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "volumes": [{"name": "settings", "configMap": {"name": "settings"}}],
        "volumeMounts": [{"name": "settings", "mountPath": "/settings"}],
        # What Kubernetes itself puts into every namespace.
        "caBundle": {"configMapName": "kube-root-ca.crt"},
        "sharedMemory": SIZE,
        "head": {"resources": {"limits": {"cpu": "2"}}, "podTemplate": template()},
        "workers": {"podTemplate": workers},
        "router": {"podTemplate": template({"name": "envoy", "resources": {"limits": {"cpu": "1"}}})},
    }


@pytest.fixture(scope="module")
def policed(given: Given) -> Iterator[Served]:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    given.namespace(NAMESPACE)
    for manifest in policies():
        given.cluster.apply(manifest)
    image = given.cluster.images["e2e-apps"]
    manifest = given.knobs_manifest("policed", **spec(image))
    manifest["metadata"]["namespace"] = NAMESPACE
    md = given.settled(manifest)
    yield Served(md=md, client=client, path="/", body={"names": VARIABLES}, expected=None)
    given.cluster.delete("md", md.name, NAMESPACE)
    given.cluster.delete("validatingadmissionpolicybinding", POLICY, "")
    given.cluster.delete("validatingadmissionpolicy", POLICY, "")
    given.cluster.delete("namespace", NAMESPACE, "")


def test_it_serves_under_every_policy_at_once(policed: Served) -> None:
    answer = policed.client.ask("POST", policed.url, policed.body)
    assert answer.status == 200
    found = {name: answer.json()[name] for name in VARIABLES}
    assert found == {"GREETING": "good day", "SSL_CERT_FILE": "/etc/eagleray/ca/ca.crt", "HOME": "/tmp"}  # noqa: S108
    (worker,) = policed.md.live_pods("worker")
    assert policed.md.in_worker(worker, SEEN) == {
        "user": USER,
        "settings": "good day",
        "spool": ["written"],
        "shared": 256 * 2**20,
        "token": False,
    }


def labelled(policed: Served, when: When, **labels: str | None) -> None:
    when.changed(policed.md, {"workers": {"podTemplate": {"metadata": {"labels": labels}}}})


def test_what_a_policy_refuses_is_told_in_its_words_and_what_runs_goes_on(
    policed: Served, when: When, then: Then
) -> None:
    before = policed.md.stable_revision()
    labelled(policed, when, team=None, group="ml")
    said = then.condition(
        policed.md, "Degraded", "True", reasons={"PodsRefused"}, saying="every Pod has a label team", within=60
    )
    assert policed.md.stable_revision() == before, said
    assert policed.client.ask("POST", policed.url, policed.body).status == 200
    labelled(policed, when, team="ml", group=None)
    then.settled(policed.md)
    assert policed.md.stable_revision() == before
