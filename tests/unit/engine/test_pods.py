from typing import Any

import pytest

from eagleray.engine.pods import read_pod

REPO = "registry.example:5000/team/model"


def pod(image: str, image_id: str) -> dict[str, Any]:
    marks = {"eagleray.dev/role": "worker", "eagleray.dev/revision": "m-default-1", "eagleray.dev/incarnation": "1"}
    statuses = [{"name": "ray", "image": image, "imageID": image_id, "state": {"running": {}}}]
    meta = {"name": "m-default-1-w1-0", "uid": "u", "labels": marks, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {
        "metadata": meta,
        "spec": {"containers": [{"name": "ray", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }


@pytest.mark.parametrize(
    ("image", "image_id", "digest"),
    [
        (f"{REPO}:1", f"{REPO}@sha256:aa", "sha256:aa"),
        (REPO, f"{REPO}@sha256:aa", "sha256:aa"),
        (f"{REPO}:1@sha256:aa", f"{REPO}@sha256:aa", "sha256:aa"),
        ("python:3.12", "docker.io/library/python@sha256:aa", "sha256:aa"),
        ("python:3.12", "docker-pullable://python@sha256:aa", "sha256:aa"),
        # Put onto the node by hand, known there by another name, or not pulled yet: nobody could pull by this digest.
        (f"{REPO}:1", "sha256:aa", ""),
        (f"{REPO}:1", "import-2026-01-01@sha256:aa", ""),
        (f"{REPO}:1", "registry.example:5000/other@sha256:aa", ""),
        (f"{REPO}:1", "", ""),
    ],
)
def test_the_digest_is_that_of_the_registry(image: str, image_id: str, digest: str) -> None:
    assert read_pod(pod(image, image_id)).digest == digest
