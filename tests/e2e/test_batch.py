"""Batch prediction: a Job of the revision that serves answers files of a bucket, as the server does."""

import csv
import io
import json
from typing import Any

import boto3

from e2e.bucket import ANYONE, ROWS, Store, secret, signs
from e2e.given import ROLLOUT_NAMESPACE, Given
from e2e.then import Then
from e2e.when import When

PLACES = ("--input", "s3://models/rows", "--output", "s3://models/answers", "--columns", "a,b,c")


def test_a_job_answers_files_of_a_bucket(store: Store, given: Given, when: When, then: Then) -> None:
    keys = {name.lower(): value for name, value in store.keys.items() if name.startswith("AWS_") and "KEY" in name}
    s3 = boto3.client("s3", **{**ANYONE, **keys}, endpoint_url=store.keys["AWS_ENDPOINT_URL"])
    for name, rows in (("1.csv", ROWS[:20]), ("2.csv", ROWS[20:])):
        s3.put_object(Bucket="models", Key=f"rows/{name}", Body=_csv(rows))
    given.operator()
    given.client(ROLLOUT_NAMESPACE)
    given.cluster.apply(secret(store.keys))
    md = when.applied(signs(store))
    then.settled(md)

    said = given.cluster.plugin("batch", "signs", "-n", ROLLOUT_NAMESPACE, *PLACES, "--no-follow").splitlines()[0]
    job = said.rpartition("/")[2]
    given.cluster.kubectl(
        "wait", f"job/{job}", "-n", ROLLOUT_NAMESPACE, "--for=condition=Complete", "--timeout=300s", timeout=320
    )
    assert "2 of 2 parts, 50 rows" in given.cluster.kubectl("logs", f"job/{job}", "-n", ROLLOUT_NAMESPACE)
    answered = [row for name in ("1.csv", "2.csv") for row in _answers(s3, name)]
    assert answered == [str(label).lower() for label in store.model.predict(ROWS).tolist()]
    told = json.loads(s3.get_object(Bucket="models", Key="answers/_SUCCESS")["Body"].read())
    assert told == {"revision": md.stable_revision(), "parts": 2, "rows": 50, "refused": 0}

    given.cluster.delete("md", "signs", ROLLOUT_NAMESPACE)
    then.nothing_left(md)
    given.cluster.kubectl("wait", f"job/{job}", "-n", ROLLOUT_NAMESPACE, "--for=delete", "--timeout=60s")


def _csv(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([["id", "a", "b", "c"], *([place, *row] for place, row in enumerate(rows.tolist()))])
    return text.getvalue().encode()


def _answers(s3: Any, name: str) -> list[str]:
    text = s3.get_object(Bucket="models", Key=f"answers/{name}")["Body"].read().decode()
    return [row["prediction"] for row in csv.DictReader(io.StringIO(text))]
