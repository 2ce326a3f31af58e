"""The chart's admission policies take and refuse what the table says: asked of a real API server, as dry runs."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
import yaml

from e2e import api
from e2e.cluster import REPO, Cluster, Manifest
from e2e.given import RESTRICTED_LABEL
from e2e.installed import CHART
from e2e.wait import NotYetError, eventually
from eagleray.kube.kinds import KINDS, MODEL_DEPLOYMENT

# The same table that the unit tests hold against the policies.
TABLE: dict[str, Any] = yaml.safe_load((REPO / "tests/unit/helm/policies.yaml").read_text())
ROWS: list[dict[str, Any]] = TABLE["rows"]
RELEASE = "eagleray-policies"
OPERATOR = "e2e-policies-operator"
NAMESPACES = {"team": "e2e-policies", "unlabelled": "e2e-policies-unlabelled", "full": "e2e-policies-full"}
WHO = {
    "editor": "e2e-editor",
    "promoter": "e2e-promoter",
    "operator": f"system:serviceaccount:{OPERATOR}:{RELEASE}-operator",
}
ALLOWED = {f"allowed.eagleray.dev/{entry}": lines for entry, lines in TABLE["tenants"].items()}
MODEL = {"framework": "sklearn", "uri": "pvc://models/churn/1"}
BY_KIND = {kind.kind: kind for kind in KINDS.values()}
# The release is its policies and rights, for namespaces of its own: it has no operator.
RENDERED = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ClusterRole", "Role", "RoleBinding"}
LABEL = {"app.kubernetes.io/managed-by": "eagleray"}


def chart(cluster: Cluster) -> list[Manifest]:
    """The objects of the chart that are tried."""
    served = ",".join(NAMESPACES.values())
    options = f"crds.install=false,rbac.aggregateRoles=false,policies.mode=Deny,watchNamespaces={{{served}}}"
    text = cluster.helm("template", RELEASE, str(CHART), "-n", OPERATOR, "--kube-version", "1.30.0", "--set", options)
    return [m for m in yaml.safe_load_all(text) if m and m["kind"] in RENDERED]


def of(kind: str, name: str, namespace: str, **fields: Any) -> Manifest:
    """An object."""
    metadata = {"name": name, "namespace": namespace, **fields.pop("metadata", {})}
    return {"apiVersion": BY_KIND[kind].api_version, "kind": kind, "metadata": metadata, **fields}


def rights(namespace: str) -> list[Manifest]:
    """What editors may do in a namespace, and what those may who promote."""
    group = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": ["eagleray.dev"], "resources": ["modeldeployments"], "verbs": ["get", "create", "patch"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch", "delete"]},
    ]
    found: list[Manifest] = [{"kind": "Role", "metadata": {"name": "editor"}, "rules": rules}]
    bound = (("Role", "editor", ("editor", "promoter")), ("ClusterRole", f"{RELEASE}-rollouts", ("promoter",)))
    for kind, role, users in bound:
        subjects = [{"apiGroup": group, "kind": "User", "name": WHO[user]} for user in users]
        ref = {"apiGroup": group, "kind": kind, "name": role}
        found.append({"kind": "RoleBinding", "metadata": {"name": role}, "roleRef": ref, "subjects": subjects})
    version = {"apiVersion": f"{group}/v1"}
    return [{**version, **m, "metadata": {**m["metadata"], "namespace": namespace}} for m in found]


def there(cluster: Cluster) -> None:
    """The objects that rows change and delete: none of them runs anything."""
    team, full = NAMESPACES["team"], NAMESPACES["full"]
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": full}}
    cluster.apply(
        {**quota, "spec": {"hard": {"pods": "0"}}},
        of("ConfigMap", "others", team),
        of("ControllerRevision", "kept", team, revision=1, data={}),
        # Otherwise Pods wait for the one that Kubernetes makes.
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": team}},
    )
    spec = deepcopy(next(row["object"]["spec"] for row in ROWS if row["case"] == "a worker"))
    waiting = {**spec, "schedulingGates": [{"name": "eagleray.dev/never"}]}
    record = cluster.find("controllerrevision", "kept", team)
    assert record is not None
    owner = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "name": "kept", "controller": True}
    owner["uid"] = record["metadata"]["uid"]
    cluster.apply(
        of("Pod", "others", team, spec=waiting),
        of("Pod", "ours", team, spec=waiting, metadata={"labels": LABEL, "ownerReferences": [owner]}),
        of("ModelDeployment", "kept", full, spec={"model": MODEL, "rollout": {"steps": [{"pause": {}}]}}),
    )


@pytest.fixture(scope="module")
def ask(cluster: Cluster) -> Iterator[httpx.Client]:
    """A connection to a cluster in which the policies are in force."""
    labelled = {OPERATOR: {}, **dict.fromkeys(NAMESPACES.values(), RESTRICTED_LABEL), NAMESPACES["unlabelled"]: {}}
    cluster.apply(*(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels, "annotations": ALLOWED}}
        for name, labels in labelled.items()
    ))  # fmt: skip
    there(cluster)
    policies = chart(cluster)
    cluster.apply(*(m for name in NAMESPACES.values() for m in rights(name)), *policies)
    client = api.connection(cluster.kubeconfig)
    eventually("the policies are in force", lambda: _in_force(client), within=60)
    yield client
    # The policies first: what they keep would keep them from going.
    cluster.kubectl(
        "delete",
        "-f",
        "-",
        "--ignore-not-found",
        stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": policies}),
    )
    cluster.kubectl("delete", "namespace", *labelled, "--wait=false")


def _in_force(client: httpx.Client) -> None:
    for row in ROWS:
        if "refused" in row and row["refused"] not in (said := answer(client, row)):
            raise NotYetError(f"{row['case']}: {said or 'allowed'}")


def answer(client: httpx.Client, row: dict[str, Any]) -> str:
    """What the API server says against a row; "" where it would do it."""
    namespace = {**NAMESPACES, "operator": OPERATOR}[row.get("in", "team")]
    manifest = row.get("object") or model_deployment(row)
    kind, name = BY_KIND[manifest["kind"]], manifest["metadata"].get("name")
    does = row.get("does", "create")
    path = kind.path(namespace, None if does == "create" else name)
    options: dict[str, Any] = {"headers": {"Impersonate-User": WHO[row["as"]]} if "as" in row else {}}
    if does != "delete":
        options["content"] = json.dumps({"apiVersion": kind.api_version, **manifest})
        merge = "merge" if kind == MODEL_DEPLOYMENT else "strategic-merge"
        options["headers"]["Content-Type"] = f"application/{'' if does == 'create' else f'{merge}-patch+'}json"
    method = {"create": "POST"}.get(does, does.upper())
    said = client.request(method, path, params={"dryRun": "All", "fieldValidation": "Strict"}, **options)
    return "" if said.is_success else str(said.json()["message"])


def model_deployment(row: dict[str, Any]) -> Manifest:
    """The object of a row that says its spec alone."""
    metadata = {"name": "tried", **row.get("metadata", {})}
    return {"kind": "ModelDeployment", "metadata": metadata, "spec": over({"model": MODEL}, row["spec"])}


def over(base: Any, patch: Any) -> Any:
    """A JSON merge patch."""
    if not isinstance(patch, dict) or not isinstance(base, dict):
        return patch
    merged = {key: over(base.get(key), value) for key, value in patch.items()}
    return {key: value for key, value in {**base, **merged}.items() if value is not None}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["case"]))
def test_it_is_taken_or_refused_as_the_table_says(ask: httpx.Client, row: dict[str, Any]) -> None:
    said = answer(ask, row)
    assert row["refused"] in said if "refused" in row else said == ""


def test_the_most_that_the_crd_takes_is_judged_within_the_budget(ask: httpx.Client) -> None:
    """What costs an API server more than it gives a policy is refused."""
    models = [{"name": f"m{n}", "uri": f"s3://team-a-models/churn-of-customers/{n:05}"} for n in range(500)]
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}] * 32
    variables = [
        {"name": f"A{n}", "valueFrom": {"secretKeyRef": {"name": "team-a-store", "key": "a"}}} for n in range(128)
    ]
    lane = {
        "model": {"framework": "sklearn", "models": models},
        "env": variables,
        "placement": {"tolerations": tolerations},
    }
    versions = [{"name": f"v{n}", "weight": 100 if n == 0 else 0, **lane} for n in range(8)]
    assert (
        answer(
            ask, {"object": {"kind": "ModelDeployment", "metadata": {"name": "tried"}, "spec": {"versions": versions}}}
        )
        == ""
    )
