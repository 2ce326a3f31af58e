"""The order in which things are brought up, for every command that needs a cluster."""

from collections.abc import Sequence

from . import build, cache, cluster, images, registry, shell, toolchain
from .machine import Mode, prepare
from .progress import HarnessError, say

ROOM_GIB = 12


def machine_ready() -> Mode:
    """Docker and the local registry run; where images come from is known."""
    free = cluster.free_disk_gib()
    if free < ROOM_GIB:
        raise HarnessError(
            f"{cache.folder()} has {free:.0f} GiB left and {ROOM_GIB} are needed",
            hint="free some space, or set EAGLERAY_CACHE to a folder on another disk",
        )
    mode = prepare()
    say(f"Nodes: {toolchain.describe(mode)}. Cache and logs: {cache.folder()}")
    registry.ensure(mode)
    return mode


def cluster_and_images(name: str, mode: Mode, command: str) -> tuple[cluster.Cluster, dict[str, str]]:
    """A cluster whose nodes have the images that a command begins with, which are made meanwhile.

    Args:
        name: The cluster.
        mode: Where base images come from.
        command: One of `images.NEEDS`.

    Returns:
        The cluster, and the tag of each image of the project.
    """
    # Programs are bound by the processor, images by the network: side by side they take little more than one.
    names = images.NEEDS[command]
    shell.together(lambda: cluster.ensure(name, mode), lambda: build.ensure(mode, names))
    up = cluster.Cluster(name)
    return up, more_images(up, mode, names)


def more_images(up: cluster.Cluster, mode: Mode, names: Sequence[str]) -> dict[str, str]:
    """Images, built where they are missing, on the nodes of a cluster that is up; the tag of each of the project's."""
    tags = build.ensure(mode, names)
    build.warm(up.nodes(), tags, names)
    return tags


def up(name: str, command: str) -> tuple[cluster.Cluster, dict[str, str]]:
    """All of it, for one of the commands of `images.NEEDS`."""
    return cluster_and_images(name, machine_ready(), command)
