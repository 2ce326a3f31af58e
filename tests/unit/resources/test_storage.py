"""How models get into Pods."""

import json

import pytest

from eagleray.api.model import Credentials, Model, ModelCache, NamedModel
from eagleray.resources.storage import model_storage

SHA = "0" * 64
MOST = 1000
FETCH = ("python", "-m", "eagleray_serving.fetch")


@pytest.mark.parametrize(
    "uri",
    [
        "https://models.example.com/churn.pkl",
        "s3://models/churn/1",
        "file:///models/churn",
    ],
)
def test_the_init_container_is_told_where_from_and_where_to(uri: str) -> None:
    storage = model_storage(Model(framework="sklearn", uri=uri), MOST)
    assert storage.command == (*FETCH, "--uri", uri, "--max-bytes", "1000", "--to", "/model", "--port", "8078")
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


def test_what_has_a_checksum_is_read_by_the_init_container_alone() -> None:
    cached = Model(framework="sklearn", uri="s3://models/churn", sha256=SHA, cache=ModelCache(claim_name="kept"))
    for model in (Model(framework="sklearn", uri="pvc://models/churn/1", sha256=SHA), cached):
        storage = model_storage(model, MOST)
        assert len(storage.fetch_mounts) == 2
        assert storage.server_mounts == ({"name": "model", "mountPath": "/model", "readOnly": True},)
    assert model_storage(cached, MOST).fetch_mounts[1] == {"name": "cache", "mountPath": "/mnt/cache"}


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


def test_several_models_are_fetched_by_name_and_each_claim_is_mounted_once() -> None:
    models = [
        NamedModel(name="a", uri="pvc://models/a/1"),
        NamedModel(name="b", uri="s3://models/b", sha256=SHA),
        NamedModel(name="c", uri="pvc://models/c/1"),
        NamedModel(name="d", uri="pvc://others/d"),
        NamedModel(name="e", uri="pvc://checked/e", sha256=SHA),
    ]
    storage = model_storage(Model(framework="sklearn", models=models), MOST)
    wanted = [json.loads(word) for word in storage.command[4:14:2]]
    assert storage.command == (
        *FETCH,
        *storage.command[3:13],
        "--max-bytes",
        "1000",
        "--to",
        "/model",
        "--port",
        "8078",
    )
    assert storage.command[3:13:2] == ("--model",) * 5
    assert wanted[:2] == [
        {"name": "a", "uri": "pvc://models/a/1"},
        {"name": "b", "uri": "s3://models/b", "sha256": SHA},
    ]
    assert [mount["mountPath"] for mount in storage.server_mounts] == ["/model", "/mnt/pvc/models", "/mnt/pvc/others"]
    assert len({volume["name"] for volume in storage.volumes}) == 4


def test_kubernetes_puts_no_variable_into_a_uri() -> None:
    storage = model_storage(Model(framework="sklearn", uri="https://models/$(AWS_SECRET_ACCESS_KEY)"), MOST)
    assert storage.command[4] == "https://models/$$(AWS_SECRET_ACCESS_KEY)"


def test_the_volume_of_a_model_has_room_for_an_archive_and_what_is_in_it() -> None:
    storage = model_storage(Model(framework="sklearn", uri="s3://models/m"), 2**30)
    assert storage.volumes[0] == {"name": "model", "emptyDir": {"sizeLimit": "2Gi"}}
