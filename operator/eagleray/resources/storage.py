"""How models get into a worker Pod: an init container downloads or checks them; the server finds each at one path."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from eagleray.api.model import Model
from eagleray.api.units import format_bytes
from eagleray.domain.facts.ports import PROGRESS

MODEL_DIR = "/model"
"""Where each of several models is in a folder of its name."""
MODEL_PATH = f"{MODEL_DIR}/model"
FETCH_CONTAINER = "fetch"
_VOLUME = "model"
# An archive, and what is unpacked from it.
_COPIES = 2
_CLAIM_VOLUME = "claim"
_CLAIM_DIR = "/mnt/pvc"
_CACHE_VOLUME = "cache"
_CACHE_DIR = "/mnt/cache"


@dataclass(frozen=True, slots=True)
class ModelStorage:
    """What a model adds to a worker Pod.

    Attributes:
        volumes: volumes of the Pod.
        fetch_mounts: mounts of the init container.
        server_mounts: mounts of the Ray container; it reads only.
        command: the init container's command.
        secrets: names of Secrets whose entries are variables of the init container.
        variables: further variables of it.
    """

    volumes: tuple[dict[str, Any], ...]
    fetch_mounts: tuple[dict[str, Any], ...]
    server_mounts: tuple[dict[str, Any], ...]
    command: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    variables: tuple[dict[str, Any], ...] = ()


def model_storage(model: Model, max_bytes: int) -> ModelStorage:
    """Decide how `model`, or each of its models, gets into its Pods.

    What has a checksum, and what is downloaded, lands in a volume of the Pod's own, which nobody else writes; a claim
    is used in place without one. Only the init container has a cache.

    Args:
        model: the model.
        max_bytes: the most that all of it may have, as it is downloaded and unpacked.

    Raises:
        ValueError: the model has no URI; the CRD refuses that.
    """
    volumes: list[dict[str, Any]] = [{"name": _VOLUME, "emptyDir": {"sizeLimit": format_bytes(_COPIES * max_bytes)}}]
    claims: list[dict[str, Any]] = []
    read: list[dict[str, Any]] = []
    places = [urlsplit(uri) for uri in model.uris]
    in_place = {urlsplit(uri).netloc for uri, sha256 in model.pins if uri.startswith("pvc://") and not sha256}
    command = ["python", "-m", "eagleray_serving.fetch", *_wanted(model)]
    command += ["--max-bytes", str(max_bytes), "--to", MODEL_DIR, "--port", str(PROGRESS)]
    for number, claim in enumerate(dict.fromkeys(place.netloc for place in places if place.scheme == "pvc")):
        volume = f"{_CLAIM_VOLUME}-{number}" if number else _CLAIM_VOLUME
        volumes.append(_claim(volume, claim))
        claims.append({"name": volume, "mountPath": f"{_CLAIM_DIR}/{claim}", "readOnly": True})
        if claim in in_place:
            read.append(claims[-1])
    cache: list[dict[str, Any]] = []
    if model.cache:
        volumes.append(_claim(_CACHE_VOLUME, model.cache.claim_name))
        cache.append({"name": _CACHE_VOLUME, "mountPath": _CACHE_DIR})
        command += ["--cache", _CACHE_DIR]
    return ModelStorage(
        volumes=tuple(volumes),
        fetch_mounts=({"name": _VOLUME, "mountPath": MODEL_DIR}, *claims, *cache),
        server_mounts=({"name": _VOLUME, "mountPath": MODEL_DIR, "readOnly": True}, *read),
        command=tuple(map(literal, command)),
        secrets=(model.credentials.secret_name,) if model.credentials else (),
        variables=(
            _registry_login(model.credentials.secret_name)
            if model.credentials and any(place.scheme == "oci" for place in places)
            else ()
        ),
    )


def literal(word: str) -> str:
    """A word of a command in which Kubernetes finds no variable to put in."""
    return word.replace("$(", "$$(")


def _wanted(model: Model) -> list[str]:
    if model.models:
        told = (each.model_dump(exclude_none=True) for each in model.models)
        return [word for each in told for word in ("--model", json.dumps(each, separators=(",", ":")))]
    if model.uri is None:
        raise ValueError("model.uri is missing; write the place of the saved model")
    return ["--uri", model.uri, *(["--sha256", model.sha256] if model.sha256 else [])]


def _registry_login(secret: str) -> tuple[dict[str, Any], ...]:
    """What a Secret of type kubernetes.io/dockerconfigjson has, whose key is no name of a variable."""
    source = {"name": secret, "key": ".dockerconfigjson", "optional": True}
    return ({"name": "DOCKER_AUTH_CONFIG", "valueFrom": {"secretKeyRef": source}},)


def _claim(volume: str, name: str) -> dict[str, Any]:
    return {"name": volume, "persistentVolumeClaim": {"claimName": name}}
