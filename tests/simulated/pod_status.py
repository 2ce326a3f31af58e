"""A Pod's status as its kubelet puts it together."""

import hashlib
import json
import re

from eagleray.kube.kinds import Manifest
from simulated.clock import Clock

_WAITING: Manifest = {"waiting": {"reason": "ContainerCreating"}}


class PodState:
    """The containers of one Pod.

    Args:
        pod: the Pod.
        ip: its address.
    """

    def __init__(self, pod: Manifest, ip: str) -> None:
        spec = pod["spec"]
        self.ip = ip
        self.ready = False
        self.inits: dict[str, Manifest] = {c["name"]: _WAITING for c in spec.get("initContainers", [])}
        self.mains: dict[str, Manifest] = {c["name"]: _WAITING for c in spec["containers"]}
        self.main = next(iter(self.mains))
        self._images = {c["name"]: c["image"] for c in [*spec["containers"], *spec.get("initContainers", [])]}
        self._forever = spec["restartPolicy"] == "Always"

    def run(self, *names: str) -> None:
        """Containers begin to run."""
        for name in names:
            self._set(name, {"running": {}})

    def wait(self, reason: str, message: str) -> None:
        """The main container cannot start."""
        self._set(self.main, {"waiting": {"reason": reason, "message": message}})

    def end(self, name: str, code: int, reason: str, message: str = "") -> None:
        """A container has ended."""
        self._set(name, {"terminated": {"exitCode": code, "reason": reason, "message": message}})
        if name == self.main:
            self.ready = False

    def end_all(self, code: int) -> None:
        """The Pod ends."""
        for name, state in self.mains.items():
            if "terminated" not in state:
                self.end(name, code, "Completed" if not code else "Error")

    def fetch_failed(self, name: str, reason: str, message: str) -> None:
        """The download has ended with an error, in the words of the `fetch` container."""
        self.end(name, 1, "Error", json.dumps({"reason": reason, "message": message}))

    @property
    def phase(self) -> str:
        failed = [s for s in self.inits.values() if s.get("terminated", {}).get("exitCode")]
        if failed:
            return "Failed"
        ended = [s["terminated"]["exitCode"] for s in self.mains.values() if "terminated" in s]
        if len(ended) == len(self.mains) and not self._forever:
            return "Failed" if any(ended) else "Succeeded"
        return "Running" if any("running" in s or "terminated" in s for s in self.mains.values()) else "Pending"

    def status(self, before: Manifest, clock: Clock) -> Manifest:
        """The whole status.

        Args:
            before: the status so far, of which the scheduler's word is kept.
            clock: the kubelet's.
        """
        ready = "True" if self.ready else "False"
        kept = [c for c in before.get("conditions", []) if c["type"] == "PodScheduled"]
        return {
            "phase": self.phase,
            "podIP": self.ip,
            "podIPs": [{"ip": self.ip}],
            "startTime": before.get("startTime", clock.stamp()),
            "conditions": [*kept, {"type": "ContainersReady", "status": ready}, {"type": "Ready", "status": ready}],
            "initContainerStatuses": [self._container(name, state) for name, state in self.inits.items()],
            "containerStatuses": [self._container(name, state) for name, state in self.mains.items()],
        }

    def _set(self, name: str, state: Manifest) -> None:
        (self.inits if name in self.inits else self.mains)[name] = state

    def _container(self, name: str, state: Manifest) -> Manifest:
        image = self._images[name]
        repository = re.sub(r"(:[^:/@]+)?(@.*)?$", "", image)
        digest = image.partition("@")[2] or f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
        return {
            "name": name,
            "image": image,
            "imageID": f"docker.io/{repository}@{digest}",
            "state": state,
            "ready": self.ready and "running" in state,
            "restartCount": 0,
        }
