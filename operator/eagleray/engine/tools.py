"""What the engine works with, shared by all objects."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from eagleray.engine.nodes import NodeBook
from eagleray.engine.settings import EngineSettings
from eagleray.kube.client import KubeClient
from eagleray.kube.store import Store
from eagleray.peers.peers import PeerClient


@dataclass(frozen=True, slots=True)
class Tools:
    """What the engine works with.

    Attributes:
        kube: the API server; what it answers to a write is held at once.
        store: the world.
        peers: everything else that is asked.
        nodes: what was seen of the cluster's nodes.
        settings: images and keys.
        now: the wall clock.
    """

    kube: KubeClient
    store: Store
    peers: PeerClient
    nodes: NodeBook
    settings: EngineSettings
    now: Callable[[], datetime]
