"""How models get into Pods."""

import pytest

from eagleray.api.serving import Credentials, Model
from eagleray.resources.storage import model_storage

SHA = "0" * 64
MOST = 1000
FETCH = ("python", "-m", "eagleray_serving.fetch")


@pytest.mark.parametrize(
    "uri",
    [
        "https://models.example.com/churn.pkl",
        "http://models/churn",
        "s3://models/churn/1",
        "file:///models/churn",
    ],
)
def test_the_init_container_is_told_where_from_and_where_to(uri: str) -> None:
    storage = model_storage(Model(framework="sklearn", uri=uri), MOST)
    assert storage.command == (*FETCH, "--uri", uri, "--max-bytes", "1000", "--to", "/model")
    assert [v["name"] for v in storage.volumes] == ["model"]


def test_checksum() -> None:
    storage = model_storage(Model(framework="sklearn", uri="s3://models/churn", sha256=SHA), MOST)
    assert storage.command[5:7] == ("--sha256", SHA)


def test_a_claim_is_mounted_for_reading_by_both_containers() -> None:
    storage = model_storage(Model(framework="sklearn", uri="pvc://models/churn/1"), MOST)
    mount = {"name": "claim", "mountPath": "/mnt/pvc/models", "readOnly": True}
    assert mount in storage.fetch_mounts
    assert mount in storage.server_mounts
    assert {"name": "claim", "persistentVolumeClaim": {"claimName": "models"}} in storage.volumes


def test_the_server_only_reads() -> None:
    storage = model_storage(Model(framework="sklearn", uri="pvc://models/churn/1"), MOST)
    assert all(m["readOnly"] for m in storage.server_mounts)


@pytest.mark.parametrize(
    ("uri", "variables"), [("oci://registry/models/churn:1", ["DOCKER_AUTH_CONFIG"]), ("s3://models/churn", [])]
)
def test_a_pull_secret_opens_a_registry(uri: str, variables: list[str]) -> None:
    storage = model_storage(Model(framework="sklearn", uri=uri, credentials=Credentials(secret_name="reader")), MOST)  # noqa: S106 - a name
    assert storage.secrets == ("reader",)
    source = {"name": "reader", "key": ".dockerconfigjson", "optional": True}
    assert list(storage.variables) == [{"name": name, "valueFrom": {"secretKeyRef": source}} for name in variables]
