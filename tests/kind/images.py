"""The project's own images: what they are made of, and which of them a command needs.

Each is tagged with the hash of its inputs: its Dockerfile, the files that it copies and the image that it starts from.
They are what is hashed, and all that Docker is sent; what is unchanged is not built again.
"""

import io
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import cache, registry
from .progress import HarnessError


@dataclass(frozen=True, slots=True)
class Image:
    """One of the project's images.

    Args:
        name: Its name in the registry, after `eagleray/`.
        dockerfile: Path from the root of the repository.
        base: The name of the image that it starts from; empty for the operating system's.
        stage: The stage of the Dockerfile that it is; empty for the last. No Pod runs such an image.
        pushed: Whether the registry is to have it; otherwise Docker alone has it, as it takes gigabytes.
    """

    name: str
    dockerfile: str
    base: str = ""
    stage: str = ""
    pushed: bool = True


IN_IMAGE = "tests/in_image/Dockerfile"
IMAGES = (
    Image("operator", "operator/Dockerfile"),
    Image("router", "model_images/router/Dockerfile"),
    Image("ray", "model_images/base/Dockerfile", stage="ray"),
    Image("base", "model_images/base/Dockerfile"),
    Image("sklearn-packages", "model_images/sklearn/Dockerfile", base="ray", stage="packages"),
    Image("sklearn", "model_images/sklearn/Dockerfile", base="ray"),
    Image("lightgbm", "model_images/lightgbm/Dockerfile", base="sklearn-packages"),
    Image("xgboost", "model_images/xgboost/Dockerfile", base="sklearn-packages"),
    Image("onnx", "model_images/onnx/Dockerfile", base="ray"),
    Image("torch", "model_images/torch/Dockerfile", base="ray"),
    Image("square", "examples/square/Dockerfile", base="base"),
    Image("autoscaled-predictor", "examples/autoscaled-predictor/Dockerfile", base="base"),
    Image("image-classifier", "examples/image-classifier/Dockerfile", base="torch"),
    Image("vision-stream", "examples/vision-stream/Dockerfile", base="torch"),
    Image("recommender", "examples/recommender/Dockerfile", base="base"),
    Image("churn-app", "examples/churn-app/Dockerfile", base="sklearn"),
    Image("monitored", "examples/monitored/Dockerfile", base="base"),
    Image("torch-tests", IN_IMAGE, base="torch", stage="tests"),
    Image("e2e-apps", "tests/e2e/apps/Dockerfile", base="base"),
    Image("e2e-torch-apps", "tests/e2e/apps/Dockerfile", base="torch"),
    Image("torch-gpu", "model_images/torch-gpu/Dockerfile", base="ray", pushed=False),
    Image("torch-gpu-tests", IN_IMAGE, base="torch-gpu", stage="tests", pushed=False),
    Image("onnx-gpu", "model_images/onnx-gpu/Dockerfile", base="ray", pushed=False),
    Image("onnx-gpu-tests", IN_IMAGE, base="onnx-gpu", stage="tests", pushed=False),
    Image("xgboost-gpu", "model_images/xgboost-gpu/Dockerfile", base="sklearn-packages", pushed=False),
    Image("xgboost-gpu-tests", IN_IMAGE, base="xgboost-gpu", stage="tests", pushed=False),
)

_LEAST = ("operator", "router", "sklearn")
NEEDS = {
    "demo": _LEAST,
    # The client of the tests runs in the image for scikit-learn; each module names what else it needs (tests/e2e).
    "test": _LEAST,
    "up": (*_LEAST, "base", "lightgbm", "onnx", "torch", "xgboost"),
    "bench": (*_LEAST, "lightgbm", "square", "e2e-apps", "image-classifier", "vision-stream"),
}
"""The images that a command begins with. What these start from is made where it is missing."""
CHART = NEEDS["up"]
"""The images that the chart is told of, built or not: their tags are known before."""


def repository(name: str) -> str:
    """The name of an image in the registry, without address and tag."""
    return f"eagleray/{name}"


def reference(name: str, tag: str) -> str:
    """The whole name of an image, as a Pod has it."""
    return f"{registry.ADDRESS}/{repository(name)}:{tag}"


def named(names: Iterable[str]) -> list[Image]:
    """The images of these names, each once, in the order in which they are first named.

    Raises:
        HarnessError: There is none of a name.
    """
    by_name = {image.name: image for image in IMAGES}
    wanted = list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in by_name]:
        raise HarnessError(f"There is no image {', '.join(unknown)}", hint=f"one of {', '.join(by_name)}")
    return [by_name[name] for name in wanted]


def until(dockerfile: str, stage: str) -> str:
    """The part of a Dockerfile that makes one of its stages; all of it if stage is empty."""
    parts = re.split(r"^(?=FROM )", dockerfile, flags=re.MULTILINE)
    for number, part in enumerate(parts):
        if stage and part.splitlines()[0].endswith(f" AS {stage}"):
            return "".join(parts[: number + 1])
    if stage:
        raise ValueError(f"no stage {stage}")
    return dockerfile


def copied(dockerfile: str) -> list[str]:
    """The paths of the build context that a Dockerfile copies from."""
    sources: list[str] = []
    for line in dockerfile.replace("\\\n", " ").splitlines():
        words = line.split()
        if words[:1] not in (["COPY"], ["ADD"]) or any(w.startswith("--from=") for w in words):
            continue
        if "[" in line:
            raise ValueError(f"write it without brackets, so that its inputs can be read: {line}")
        sources += [w for w in words[1:-1] if not w.startswith("--")]
    return sources


def tags(os_base: str) -> dict[str, str]:
    """The tag of each image, from the content of the checkout."""
    found: dict[str, str] = {}
    for image in IMAGES:
        base = found.get(image.base, os_base)
        files = _inputs(image)
        names = [str(path.relative_to(cache.REPO)) for path in files]
        found[image.name] = cache.digest(base, _text(image), *names, *files)
    return found


def context(image: Image) -> bytes:
    """What Docker is sent to build an image: a tar file, the same for the same inputs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in (cache.REPO / image.dockerfile, *_inputs(image)):
            name = str(path.relative_to(cache.REPO))
            info = tar.gettarinfo(path, name)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            info.mode = 0o755 if info.mode & 0o100 else 0o644
            with path.open("rb") as content:
                tar.addfile(info, content)
    return buffer.getvalue()


def _inputs(image: Image) -> list[Path]:
    try:
        return cache.files(*(cache.REPO / source for source in copied(_text(image))))
    except FileNotFoundError as e:
        raise HarnessError(f"Image {image.name} cannot be built: {e}") from e


def _text(image: Image) -> str:
    return until((cache.REPO / image.dockerfile).read_text(), image.stage)
