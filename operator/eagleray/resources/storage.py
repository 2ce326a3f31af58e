"""How a model gets into a worker Pod: an init container downloads or checks it; the server finds it at one path."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from eagleray.api.serving import Model

MODEL_DIR = "/model"
MODEL_PATH = f"{MODEL_DIR}/model"
FETCH_CONTAINER = "fetch"
_VOLUME = "model"
_CLAIM_VOLUME = "claim"
_CLAIM_DIR = "/mnt/pvc"


@dataclass(frozen=True, slots=True)
class ModelStorage:
    """What a model adds to a worker Pod.

    Attributes:
        volumes: volumes of the Pod.
        fetch_mounts: mounts of the init container.
        server_mounts: mounts of the Ray container; it reads only.
        command: the init container's command.
        secrets: names of Secrets whose entries are variables of the init container.
    """

    volumes: tuple[dict[str, Any], ...]
    fetch_mounts: tuple[dict[str, Any], ...]
    server_mounts: tuple[dict[str, Any], ...]
    command: tuple[str, ...]
    secrets: tuple[str, ...] = ()


def model_storage(model: Model, max_bytes: int) -> ModelStorage:
    """Decide how `model` gets into its Pods.

    `pvc://` is mounted and used in place, everything else lands in a volume of the Pod's own.

    Args:
        model: the model.
        max_bytes: the most that it may have, as it is downloaded and unpacked.

    Raises:
        ValueError: the model has no URI; the CRD refuses that.
    """
    if model.uri is None:
        raise ValueError("model.uri is missing; write the place of the saved model")
    volumes: list[dict[str, Any]] = [{"name": _VOLUME, "emptyDir": {}}]
    claims: list[dict[str, Any]] = []
    parts = urlsplit(model.uri)
    if parts.scheme == "pvc":
        claim = {"claimName": parts.netloc}
        volumes.append({"name": _CLAIM_VOLUME, "persistentVolumeClaim": claim})
        mount_path = f"{_CLAIM_DIR}/{parts.netloc}"
        claims.append({"name": _CLAIM_VOLUME, "mountPath": mount_path, "readOnly": True})
    checksum = ["--sha256", model.sha256] if model.sha256 else []
    limit = ["--max-bytes", str(max_bytes)]
    command = ["python", "-m", "eagleray_serving.fetch", "--uri", model.uri, *checksum, *limit, "--to", MODEL_DIR]
    return ModelStorage(
        volumes=tuple(volumes),
        fetch_mounts=({"name": _VOLUME, "mountPath": MODEL_DIR}, *claims),
        server_mounts=({"name": _VOLUME, "mountPath": MODEL_DIR, "readOnly": True}, *claims),
        command=tuple(command),
        secrets=(model.credentials.secret_name,) if model.credentials else (),
    )
