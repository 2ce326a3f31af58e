"""Models in a bucket of an S3 server that wants credentials, and in a registry."""

import json

import httpx

from e2e.bucket import ROWS, Store, secret, signs
from e2e.given import ROLLOUT_NAMESPACE, Given, volume_claim
from e2e.then import Then
from e2e.when import When
from fakes.oci import artifact
from kind import registry

CACHE = "kept"


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


def test_a_model_comes_from_a_bucket_with_the_right_keys_and_is_kept(
    store: Store, given: Given, when: When, then: Then
) -> None:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    given.cluster.delete("pvc", CACHE, ROLLOUT_NAMESPACE)  # what an earlier run has kept is not downloaded again
    given.cluster.apply(volume_claim(ROLLOUT_NAMESPACE, CACHE))
    given.cluster.apply(secret({**store.keys, "AWS_SECRET_ACCESS_KEY": "wrong"}))
    manifest = signs(store)
    manifest["spec"]["model"] |= {"cache": {"claimName": CACHE}}
    md = when.applied(manifest)
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
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    given.cluster.apply(secret({"OCI_PLAIN_HTTP": "true"}))
    manifest = signs(store)
    manifest["spec"]["model"] |= {"uri": pushed(store.content)}
    md = when.applied(manifest)
    then.settled(md)
    answer = client.ask("POST", f"{md.url}/v1/models/signs:predict", {"instances": ROWS.tolist()})
    assert answer.json()["predictions"] == store.model.predict(ROWS).tolist()
    given.cluster.delete("md", "signs", ROLLOUT_NAMESPACE)
