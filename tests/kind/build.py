"""Builds the images that are asked for, and those they start from; brings them to the nodes; forgets what is unused."""

import json
import os
import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import cache, images, node_image, registry, shell
from .images import IMAGES, Image, reference, repository
from .machine import Mode
from .progress import say, timed

LIST = cache.REPO / "build" / "images.json"
AT_ONCE = 2  # one waits for the network while the other keeps a processor busy
UNUSED_S = 24 * 3600.0
BY_NAME = {image.name: image for image in IMAGES}


def ensure(mode: Mode, names: Iterable[str]) -> dict[str, str]:
    """Build and push those of the images that are not there yet, side by side.

    Other processes may do the same at the same time: each image is built by one of them, and the others wait for it.

    Args:
        mode: Where base images come from.
        names: The images.

    Returns:
        The tag of every image of the project, built or not; also written to build/images.json as whole references.
    """
    os_base = node_image.ensure_os_base(mode)
    tags = images.tags(os_base)
    builder = _Builder(tags, os_base)
    wanted = images.named(names)
    builder.used(wanted)
    shell.together(*(lambda image=image: builder.provide(image) for image in wanted), at_once=AT_ONCE)
    with cache.lock("images"):
        _write_list(tags)
        _forget(tags)
    return tags


def warm(nodes: list[str], tags: dict[str, str], names: Iterable[str]) -> None:
    """Bring images onto the nodes before the first Pod waits for them, and drop those that nothing uses any more.

    By digest as well, as the kubelet's own pulls do: a Pod's status names no digest otherwise.

    Args:
        nodes: The containers that are the nodes.
        tags: The tag of each image.
        names: The images.
    """
    pods = [image.name for image in images.named(names) if not image.stage]
    wanted = {whole for name in pods for whole in _names(name, tags[name])}
    with cache.lock("images"):
        in_use = used(tags)
    kept = wanted | {whole for name, tag in in_use for whole in _names(name, tag)}
    ctr = ["ctr", "-n", "k8s.io", "images"]

    def one(node: str) -> None:
        listed = shell.capture(["docker", "exec", node, *ctr, "ls", "-q"]).split()
        ours = {name for name in listed if name.startswith(f"{registry.ADDRESS}/eagleray/")}
        for image in sorted(wanted - ours):
            pull = [*ctr, "pull", "--hosts-dir", "/etc/containerd/certs.d", image]
            with cache.lock(f"pull-{node}-{image.rpartition('/')[2]}"):
                shell.run(["docker", "exec", node, *pull], log=f"images-{node}")
        if stale := sorted(ours - kept):
            shell.succeeds(["docker", "exec", node, *ctr, "rm", *stale])

    with timed("Images onto the nodes"), ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(one, nodes))


def used(tags: dict[str, str]) -> set[tuple[str, str]]:
    """What is not to be forgotten, as (name, tag): what this checkout makes, and what any asked for within a day.

    Whoever asks holds the lock `images`, as those do who forget.
    """
    oldest = time.time() - UNUSED_S
    recent = (path.name for path in _marks().iterdir() if path.stat().st_mtime >= oldest)
    return {*tags.items(), *((name, tag) for name, _, tag in (mark.partition(":") for mark in recent))}


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds images whose tags are known.

    Args:
        tags: The tag of each image.
        os_base: The operating system's image.
    """

    tags: dict[str, str]
    os_base: str

    def used(self, wanted: list[Image]) -> None:
        """Note that these images, and those that they start from, are used now."""
        for image in wanted:
            (_marks() / f"{image.name}:{self.tags[image.name]}").touch()
            if image.base:
                self.used([BY_NAME[image.base]])

    def provide(self, image: Image) -> None:
        """Build and push an image unless it is there; what it starts from first."""
        with cache.lock(f"image-{image.name}"):
            if self._there(image):
                return
            if image.base:
                self.provide(BY_NAME[image.base])
            self._build(image)
            if image.pushed:
                with timed(f"Image {image.name} to the registry"):
                    shell.run(["docker", "push", "-q", self._target(image)], log=f"image-{image.name}")

    def _there(self, image: Image) -> bool:
        if image.pushed:
            return bool(registry.digest(repository(image.name), self.tags[image.name]))
        return shell.succeeds(["docker", "image", "inspect", self._target(image)])

    def _target(self, image: Image) -> str:
        return reference(image.name, self.tags[image.name])

    def _build(self, image: Image) -> None:
        base = self._target(BY_NAME[image.base]) if image.base else self.os_base
        log = f"image-{image.name}"
        buildkit = shell.succeeds(["docker", "buildx", "version"])
        options = ["--build-arg", f"BASE={base}", "--label", f"eagleray.dev/image={image.name}"]
        if image.stage:
            options += ["--target", image.stage]
        if index := os.environ.get("PIP_INDEX_URL"):
            options += ["--build-arg", f"PIP_INDEX_URL={index}"]
        if not buildkit:
            # The engine's own builder; on the machine's network, which may be the only one with a package index.
            options += ["--network", "host"]
        shell.fresh_log(log)
        with timed(f"Image {image.name}"):
            shell.run(
                ["docker", "build", "-t", self._target(image), "-f", image.dockerfile, *options, "-"],
                log=log,
                # The engine's own builder knows its images; another one may not.
                env={"DOCKER_BUILDKIT": "1" if buildkit else "0", "BUILDX_BUILDER": "default"},
                stdin=images.context(image),
            )


def _names(name: str, tag: str) -> set[str]:
    """The names that a node has an image by: none where the registry does not hold it."""
    whole, digest = reference(name, tag), registry.digest(repository(name), tag)
    return {whole, f"{whole.removesuffix(f':{tag}')}@{digest}"} if digest else set()


def _marks() -> Path:
    """A folder of empty files `name:tag`, each as old as the last use of that image."""
    path = cache.folder() / "images"
    path.mkdir(exist_ok=True)
    return path


def _write_list(tags: dict[str, str]) -> None:
    LIST.parent.mkdir(exist_ok=True)
    fresh = LIST.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({name: reference(name, tag) for name, tag in tags.items()}, indent=2) + "\n")
    fresh.replace(LIST)


def _forget(tags: dict[str, str]) -> None:
    """Remove images that nothing uses any more; the registry's own size is bounded by itself."""
    kept = used(tags)
    for mark in _marks().iterdir():
        name, _, tag = mark.name.partition(":")
        if (name, tag) not in kept:
            mark.unlink(missing_ok=True)
    listed = shell.capture(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{registry.ADDRESS}/eagleray/*"]
    )
    wanted = {reference(name, tag) for name, tag in kept}
    stale = [name for name in listed.split() if name not in wanted and re.search(r":[0-9a-f]{12}$", name)]
    for name in stale:
        if not shell.succeeds(["docker", "rmi", name]):
            say(f"{name} is in use and stays")
    if stale:
        # Not what another process is building just now.
        fresh = ["--filter", "label=eagleray.dev/image", "--filter", "until=24h"]
        shell.succeeds(["docker", "image", "prune", "-f", *fresh], timeout=300)
