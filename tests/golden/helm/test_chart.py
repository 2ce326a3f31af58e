"""The chart, rendered by the Helm that the harness built; `EAGLERAY_GOLDEN=write` renews the files."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kind import cache

pytestmark = pytest.mark.e2e

REPO = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent
KUBERNETES = "1.34.0"

CASES: dict[str, list[str]] = {
    "default": [],
    "namespaces": ["--set", "watchNamespaces={team-a,team-b}"],
    "everything": [
        "--set", "images.registry=registry.example.com,images.tag=t1,images.pullPolicy=Always",
        "--set", "images.pullSecrets={pull},images.router.tag=r7,replicaCount=3,priorityClassName=high",
        "--set", "metrics.podMonitor.enabled=true,metrics.podMonitor.labels.release=prometheus",
        "--set", "serviceAccount.annotations.a=b,podLabels.c=d,podAnnotations.e=f,nodeSelector.g=h",
        "--set", "pods.runAsUser=null,pods.env.HTTPS_PROXY=http://proxy:3128,pods.caBundle.configMapName=corporate-ca",
        "--set", "pods.templates.router.metadata.labels.team=ml",
        "--set", f"images.torch.digest=sha256:{'0' * 64}",
        "--set", "tolerations[0].key=k,affinity.nodeAffinity.x=y,requestLog.percent=0.5",
    ],
    "policies": ["--set", "policies.mode=Deny"],
    "least": [
        "--set", "replicaCount=1,serviceAccount.create=false,serviceAccount.name=mine,rbac.create=false",
        "--set", "metrics.service=false,podDisruptionBudget.enabled=false",
    ],
}  # fmt: skip


def helm(*args: str | Path) -> subprocess.CompletedProcess[str]:
    found = shutil.which("helm", path=f"{cache.folder() / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert found, "no helm: the harness builds one, `make test` runs it"
    return subprocess.run([found, *args], capture_output=True, text=True, check=False)


def template(*args: str) -> str:
    chart = REPO / "helm" / "eagleray"
    where = ("-n", "eagleray-system", "--kube-version", KUBERNETES)
    rendered = helm("template", "eagleray", chart, *where, *args)
    assert rendered.returncode == 0, rendered.stderr
    return rendered.stdout


def manifests(text: str) -> list[dict[str, Any]]:
    return [m for m in yaml.safe_load_all(text) if m]


@pytest.mark.parametrize("name", CASES)
def test_the_chart_renders_what_it_did(name: str) -> None:
    rendered = template("--set", "crds.install=false", *CASES[name])
    golden = GOLDEN / f"{name}.yaml"
    if os.environ.get("EAGLERAY_GOLDEN") == "write":
        golden.write_text(rendered)
    assert rendered == golden.read_text()


def test_policies_of_an_operator_for_some_namespaces_are_for_those() -> None:
    rendered = manifests(template("--set", "crds.install=false,policies.mode=Warn,watchNamespaces={team-a}"))
    bindings = {m["metadata"]["name"]: m["spec"] for m in rendered if m["kind"] == "ValidatingAdmissionPolicyBinding"}
    assert all(spec["validationActions"] == ["Warn", "Audit"] for spec in bindings.values())
    chosen = {name for name, spec in bindings.items() if "matchResources" in spec}
    # The others are for the operator's own account, wherever it is.
    assert chosen == {f"eagleray-{name}" for name in ("tenants", "verbs")}


def test_without_labels_every_namespace_is_taken() -> None:
    rendered = template("--set", "crds.install=false,policies.mode=Deny,policies.namespaceLabels=null")
    assert "namespaceObject.metadata.?labels" not in rendered


def test_lint_is_content() -> None:
    linted = helm("lint", "--strict", REPO / "helm" / "eagleray")
    assert linted.returncode == 0, linted.stdout


def test_the_crd_is_kept_unless_told_otherwise() -> None:
    annotations = [
        m["metadata"].get("annotations", {})
        for args in ([], ["--set", "crds.keep=false"])
        for m in manifests(template(*args))
        if m["kind"] == "CustomResourceDefinition"
    ]
    assert [a.get("helm.sh/resource-policy") for a in annotations] == ["keep", None]


def test_with_namespaces_nothing_is_cluster_wide() -> None:
    rendered = manifests(template("--set", "crds.install=false,watchNamespaces={team-a,team-b}"))
    assert not [m for m in rendered if m["kind"].startswith("Cluster")]
    roles = {m["metadata"]["namespace"] for m in rendered if m["kind"] == "Role"}
    assert roles == {"eagleray-system", "team-a", "team-b"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("replicaCount=many", "replicaCount"),
        ("image.tag=1", "image"),
        ("images.registry=example.com/", "registry"),
        ("images.torch.digest=sha256:0", "digest"),
        ("policies.mode=On", "mode"),
        ("policies.mode=false", "mode"),
    ],
)
def test_nonsense_is_refused_by_name(value: str, words: str) -> None:
    refused = helm("template", "eagleray", REPO / "helm" / "eagleray", "--kube-version", KUBERNETES, "--set", value)
    assert refused.returncode != 0
    assert words in refused.stderr
