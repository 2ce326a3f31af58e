"""Models in a bucket of an S3 server that wants credentials, and in a registry."""

import hashlib
import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import joblib
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from sklearn.linear_model import LogisticRegression

from e2e.cluster import Manifest
from e2e.given import API_VERSION, ROLLOUT_NAMESPACE, Given, volume_claim
from e2e.then import Then
from e2e.when import When
from fakes.oci import artifact
from kind import registry

POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
ANYONE = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
CACHE = "kept"
ROWS = np.random.default_rng(0).normal(size=(50, 3)).round(3)


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket with a model, for those who have the keys.

    Attributes:
        keys: variables that open it.
        model: what was put there.
        content: the model, as it was put there.
    """

    keys: dict[str, str]
    model: Any
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@pytest.fixture(scope="module")
def store(given: Given) -> Iterator[Store]:
    """A server on this machine, at the address by which Pods reach it."""
    given.operator()
    node = given.cluster.list("nodes")[0]["metadata"]["name"]
    gateway = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
    address = subprocess.check_output(["docker", "inspect", "-f", gateway, node], text=True, timeout=30).strip()
    server = ThreadedMotoServer(address, 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    yield filled(url)
    server.stop()


def filled(url: str) -> Store:
    model = LogisticRegression().fit(ROWS, ROWS.sum(axis=1) > 0)
    content = io.BytesIO()
    joblib.dump(model, content)
    s3, iam = (boto3.client(name, endpoint_url=url, **ANYONE) for name in ("s3", "iam"))
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="signs/1/model.joblib", Body=content.getvalue())
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=POLICY)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    httpx.post(f"{url}/moto-api/reset-auth", content="0").raise_for_status()  # from now on keys are asked for
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return Store({**keys, "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}, model, content.getvalue())


def pushed(content: bytes) -> str:
    """A model as an artifact in the registry that nodes pull from; its URI."""
    repository, what = f"http://{registry.ADDRESS}/v2/models/signs", artifact({"model.joblib": content})
    with httpx.Client(trust_env=False) as client:
        for digest, blob in what.blobs.items():
            upload = client.post(f"{repository}/blobs/uploads/").raise_for_status().headers["Location"]
            client.put(httpx.URL(upload).copy_merge_params({"digest": digest}), content=blob).raise_for_status()
        kind = {"Content-Type": json.loads(what.manifest)["mediaType"]}
        client.put(f"{repository}/manifests/1", content=what.manifest, headers=kind).raise_for_status()
    return f"oci://{registry.inside()}/models/signs:1"


def secret(entries: dict[str, str]) -> Manifest:
    meta = {"name": "store", "namespace": ROLLOUT_NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": entries}


def signs(store: Store) -> Manifest:
    model = {"framework": "sklearn", "uri": "s3://models/signs/1", "credentials": {"secretName": "store"}}
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": "signs", "namespace": ROLLOUT_NAMESPACE},
        "spec": {
            "model": {**model, "sha256": store.sha256, "cache": {"claimName": CACHE}},
            "replicas": 1,
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
        },
    }


def test_a_model_comes_from_a_bucket_with_the_right_keys_and_is_kept(
    store: Store, given: Given, when: When, then: Then
) -> None:
    client = given.client(ROLLOUT_NAMESPACE)
    given.cluster.delete("pvc", CACHE, ROLLOUT_NAMESPACE)  # what an earlier run has kept is not downloaded again
    given.cluster.apply(volume_claim(ROLLOUT_NAMESPACE, CACHE))
    given.cluster.apply(secret({**store.keys, "AWS_SECRET_ACCESS_KEY": "wrong"}))
    md = when.applied(signs(store))
    then.condition(md, "Degraded", "True", reasons={"DownloadFailed"}, saying="access refused", within=90)
    given.cluster.apply(secret(store.keys))
    then.settled(md)
    answer = client.ask("POST", f"{md.url}/v1/models/signs:predict", {"instances": ROWS.tolist()})
    assert answer.json()["predictions"] == store.model.predict(ROWS).tolist()
    variables = md.in_worker(md.live_pods("worker")[0], "import json, os; print(json.dumps(list(os.environ)))")
    assert not [name for name in variables if name.startswith("AWS_")]

    old = md.stable_revision()
    given.cluster.apply(secret({**store.keys, "AWS_SECRET_ACCESS_KEY": "wrong"}))
    when.changed(md, {"env": [{"name": "CHANGED", "value": "yes"}]})
    then.settled(md)
    assert md.stable_revision() != old, "it has downloaded nothing: that would have been refused"
    answer = client.ask("POST", f"{md.url}/v1/models/signs:predict", {"instances": ROWS.tolist()})
    assert answer.json()["predictions"] == store.model.predict(ROWS).tolist()
    given.cluster.delete("md", "signs", ROLLOUT_NAMESPACE)


def test_a_model_comes_from_a_registry(store: Store, given: Given, when: When, then: Then) -> None:
    client = given.client(ROLLOUT_NAMESPACE)
    given.cluster.apply(secret({"OCI_PLAIN_HTTP": "true"}))
    manifest = signs(store)
    manifest["spec"]["model"] |= {"uri": pushed(store.content)}
    del manifest["spec"]["model"]["cache"]
    md = when.applied(manifest)
    then.settled(md)
    answer = client.ask("POST", f"{md.url}/v1/models/signs:predict", {"instances": ROWS.tolist()})
    assert answer.json()["predictions"] == store.model.predict(ROWS).tolist()
    given.cluster.delete("md", "signs", ROLLOUT_NAMESPACE)
