"""The project's own images, tagged with the hash of what they are made of: what is unchanged is not built again.

The inputs of an image are its Dockerfile, the files that it copies and the image that it starts from: they are what is
hashed, and all that Docker is sent.
"""

import io
import json
import os
import re
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import cache, node_image, registry, shell
from .machine import Mode
from .progress import HarnessError, say, timed


@dataclass(frozen=True, slots=True)
class Image:
    """One of the project's images.

    Args:
        name: Its name in the registry, after `eagleray/`.
        dockerfile: Path from the root of the repository.
        base: The name of the image that it starts from; empty for the operating system's.
        stage: The stage of the Dockerfile that it is; empty for the last. No Pod runs such an image.
    """

    name: str
    dockerfile: str
    base: str = ""
    stage: str = ""


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
    Image("torch-tests", "tests/in_image/Dockerfile", base="torch", stage="tests"),
    Image("e2e-apps", "tests/e2e/apps/Dockerfile", base="base"),
)
LIST = cache.REPO / "build" / "images.json"


def repository(name: str) -> str:
    """The name of an image in the registry, without address and tag."""
    return f"eagleray/{name}"


def reference(name: str, tag: str) -> str:
    """The whole name of an image, as a Pod has it."""
    return f"{registry.ADDRESS}/{repository(name)}:{tag}"


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


def tags(os_base: str, images: tuple[Image, ...] = IMAGES) -> dict[str, str]:
    """The tag of each image, from the content of the checkout."""
    found: dict[str, str] = {}
    for image in images:
        base = found.get(image.base, os_base)
        files = _inputs(image)
        names = [str(path.relative_to(cache.REPO)) for path in files]
        found[image.name] = cache.digest(base, _text(image), *names, *files)
    return found


def ensure(mode: Mode) -> dict[str, str]:
    """Build and push the images that the registry does not have.

    Args:
        mode: Where base images come from.

    Returns:
        The tag of each image, also written to build/images.json as whole references.
    """
    os_base = node_image.ensure_os_base(mode)
    current = tags(os_base)
    with cache.lock("images"):
        missing = [i for i in IMAGES if not registry.digest(repository(i.name), current[i.name])]
        for number, image in enumerate(missing, 1):
            build(image, current, os_base, f" ({number}/{len(missing)})")
            _push(image, current)
        if missing:
            _prune(current)
    LIST.parent.mkdir(exist_ok=True)
    references = {name: reference(name, tag) for name, tag in current.items()}
    LIST.write_text(json.dumps(references, indent=2) + "\n")
    return current


def ensure_extra(mode: Mode, image: Image) -> str:
    """Build and push an image on top of these, which only a benchmark needs; its whole reference."""
    os_base = node_image.ensure_os_base(mode)
    current = tags(os_base, (*IMAGES, image))
    with cache.lock("images"):
        if not registry.digest(repository(image.name), current[image.name]):
            build(image, current, os_base)
            _push(image, current)
    return reference(image.name, current[image.name])


def warm(nodes: list[str], current: dict[str, str]) -> None:
    """Bring the images onto the nodes before the first Pod waits for them, and drop the ones that they replace.

    By digest as well, as the kubelet's own pulls do: a Pod's status names no digest otherwise.
    """
    pull = ["ctr", "-n", "k8s.io", "images", "pull", "--hosts-dir", "/etc/containerd/certs.d"]
    wanted = {name for i in IMAGES if not i.stage for name in _names(i.name, current[i.name])}

    def one(node: str) -> None:
        listed = shell.capture(["docker", "exec", node, "ctr", "-n", "k8s.io", "images", "ls", "-q"]).split()
        ours = {name for name in listed if name.startswith(f"{registry.ADDRESS}/eagleray/")}
        for image in sorted(wanted - ours):
            shell.run(["docker", "exec", node, *pull, image], log=f"images-{node}")
        if stale := sorted(ours - wanted):
            shell.run(["docker", "exec", node, "ctr", "-n", "k8s.io", "images", "rm", *stale], log=f"images-{node}")

    with timed("Images onto the nodes"), ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(one, nodes))


def _names(name: str, tag: str) -> tuple[str, str]:
    whole = reference(name, tag)
    return whole, f"{whole.removesuffix(f':{tag}')}@{registry.digest(repository(name), tag)}"


def _inputs(image: Image) -> list[Path]:
    try:
        return cache.files(*(cache.REPO / source for source in copied(_text(image))))
    except FileNotFoundError as e:
        raise HarnessError(f"Image {image.name} cannot be built: {e}") from e


def _text(image: Image) -> str:
    return until((cache.REPO / image.dockerfile).read_text(), image.stage)


def _context(image: Image) -> bytes:
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


def build(image: Image, current: dict[str, str], os_base: str, progress: str = "") -> None:
    """Build one image, whose base is there.

    Args:
        image: The image.
        current: The tags of all images.
        os_base: The operating system's image.
        progress: How far whoever builds several has come.
    """
    base = reference(image.base, current[image.base]) if image.base else os_base
    target = reference(image.name, current[image.name])
    log = f"image-{image.name}"
    buildkit = shell.succeeds(["docker", "buildx", "version"])
    options = ["--build-arg", f"BASE={base}", "--label", f"eagleray.dev/image={image.name}"]
    if image.stage:
        options += ["--target", image.stage]
    if index := os.environ.get("PIP_INDEX_URL"):
        options += ["--build-arg", f"PIP_INDEX_URL={index}"]
    if not buildkit:
        # The engine's own builder; on the machine's network, which may be the only one that reaches a package index.
        options += ["--network", "host"]
    shell.fresh_log(log)
    with timed(f"Image {image.name}{progress}"):
        shell.run(
            ["docker", "build", "-t", target, "-f", image.dockerfile, *options, "-"],
            log=log,
            # The engine's own builder knows its images; another one may not.
            env={"DOCKER_BUILDKIT": "1" if buildkit else "0", "BUILDX_BUILDER": "default"},
            stdin=_context(image),
        )


def _push(image: Image, current: dict[str, str]) -> None:
    shell.run(["docker", "push", "-q", reference(image.name, current[image.name])], log=f"image-{image.name}")


def _prune(current: dict[str, str]) -> None:
    """Forget superseded images here; the registry's own size is bounded by itself."""
    names = f"{registry.ADDRESS}/eagleray/*"
    listed = shell.capture(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", names])
    wanted = {reference(name, tag) for name, tag in current.items()}
    stale = [name for name in listed.split() if name not in wanted and re.search(r":[0-9a-f]{12}$", name)]
    for name in stale:
        if not shell.succeeds(["docker", "rmi", name]):
            say(f"{name} is in use and stays")
    shell.succeeds(["docker", "image", "prune", "-f", "--filter", "label=eagleray.dev/image"], timeout=300)
