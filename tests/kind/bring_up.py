"""The order in which things are brought up, for every command that needs a cluster."""

from . import cache, cluster, images, registry, shell, toolchain
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


def cluster_and_images(name: str, mode: Mode) -> tuple[cluster.Cluster, dict[str, str]]:
    """A cluster whose nodes have the images of this checkout, which are made meanwhile.

    Returns:
        The cluster, and the tag of each image.
    """
    # Programs are bound by the processor, images by the network: side by side they take little more than one.
    shell.together(lambda: cluster.ensure(name, mode), lambda: images.ensure(mode))
    up = cluster.Cluster(name)
    tags = images.ensure(mode)
    images.warm(up.nodes(), tags)
    return up, tags


def up(name: str) -> tuple[cluster.Cluster, dict[str, str]]:
    """All of it."""
    return cluster_and_images(name, machine_ready())
