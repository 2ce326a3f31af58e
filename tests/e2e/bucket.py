"""A bucket of an S3 server that wants credentials, with a model in it."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import joblib
import numpy as np
from moto.server import ThreadedMotoServer
from sklearn.linear_model import LogisticRegression

from .cluster import Cluster, Manifest
from .given import API_VERSION, ROLLOUT_NAMESPACE

POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
ANYONE = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
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


@contextmanager
def served(cluster: Cluster) -> Iterator[Store]:
    """A server on this machine, at the address by which Pods reach it; one a process, as moto keeps its state there."""
    server = ThreadedMotoServer(cluster.gateway(), 0, verbose=False)
    server.start()
    try:
        yield _filled("http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()


def _filled(url: str) -> Store:
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


def secret(entries: dict[str, str]) -> Manifest:
    """The Secret `store` with these entries."""
    meta = {"name": "store", "namespace": ROLLOUT_NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": entries}


def signs(store: Store) -> Manifest:
    """An object that serves the model of the bucket, with the keys of the Secret."""
    model = {"framework": "sklearn", "uri": "s3://models/signs/1", "credentials": {"secretName": "store"}}
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": "signs", "namespace": ROLLOUT_NAMESPACE},
        "spec": {
            "model": {**model, "sha256": store.sha256},
            "replicas": 1,
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
        },
    }
