"""Names, labels, owners, Service, Secret and PodDisruptionBudget of a revision."""

import base64
from collections.abc import Callable
from typing import Any

from eagleray.domain.goals.revision import Revision
from eagleray.resources.labels import labels
from eagleray.resources.owner import owner_reference, reference_to
from eagleray.resources.pdb import build_worker_pdb
from eagleray.resources.secret import auth_token, build_auth_secret
from eagleray.resources.service import build_revision_service

MakeRevision = Callable[..., Revision]


def test_tokens_differ_by_key_namespace_and_revision() -> None:
    others = [(b"other", "ns", "m"), (b"key", "other", "m"), (b"key", "ns", "other")]
    token = auth_token(b"key", "ns", "m")
    assert token == auth_token(b"key", "ns", "m")
    assert token not in {auth_token(*other) for other in others}


def test_secret(make_revision: MakeRevision, owner: dict[str, Any]) -> None:
    secret = build_auth_secret(make_revision(), "t0ken", owner)
    assert base64.b64decode(secret["data"]["token"]) == b"t0ken"
    assert secret["metadata"]["name"] == f"{make_revision().name}-auth"
    assert secret["metadata"]["ownerReferences"] == [owner]


def test_service_names_heads_before_they_are_ready(make_revision: MakeRevision, owner: dict[str, Any]) -> None:
    spec = build_revision_service(make_revision(), owner)["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["publishNotReadyAddresses"] is True
    assert spec["selector"] == labels(make_revision(), "head")


def test_budget_counts_workers_of_every_incarnation(make_revision: MakeRevision, owner: dict[str, Any]) -> None:
    spec = build_worker_pdb(make_revision(), owner, 3)["spec"]
    assert spec["minAvailable"] == 3
    assert "eagleray.dev/incarnation" not in spec["selector"]["matchLabels"]
    assert spec["selector"]["matchLabels"]["eagleray.dev/role"] == "worker"


def test_owner_references() -> None:
    controls = {"controller": True, "blockOwnerDeletion": True}
    assert owner_reference("churn", "u-1") == {
        "apiVersion": "eagleray.dev/v1alpha1",
        "kind": "ModelDeployment",
        "name": "churn",
        "uid": "u-1",
        **controls,
    }
    meta = {"name": "churn-default-0", "uid": "u-2"}
    record = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta}
    assert reference_to(record) == {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "name": "churn-default-0",
        "uid": "u-2",
        **controls,
    }
