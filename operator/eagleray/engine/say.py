"""Say on the object what is true: its status where it differs, and an Event for each transition."""

from dataclasses import dataclass

from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain.state.model import State
from eagleray.domain.status.codec import write
from eagleray.domain.status.transitions import transitions
from eagleray.kube.client import KubeClient
from eagleray.kube.errors import NotFoundError
from eagleray.kube.events import EventRecorder
from eagleray.kube.kinds import Manifest

STATUS_MANAGER = "eagleray-status"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Writes status and Events.

    Args:
        client: the API server; what it answers to a write is held at once.
        events: writes the Events.
    """

    client: KubeClient
    events: EventRecorder

    async def say(self, manifest: Manifest, state: State, after: ModelDeploymentStatus) -> None:
        """Write the status where it differs, and what happened.

        Args:
            manifest: the object.
            state: what was read from its status.
            after: its status as it is to be.

        Raises:
            KubeError: the API server refused, or did not answer.
        """
        status = after.as_written()
        if status == manifest.get("status"):
            return
        before = write(state)
        if status == before.as_written():  # what else is there was written by others
            return
        meta = manifest["metadata"]
        try:
            await self.client.apply_status(
                {
                    "apiVersion": manifest["apiVersion"],
                    "kind": manifest["kind"],
                    "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
                    "status": status,
                },
                field_manager=STATUS_MANAGER,
            )
        except NotFoundError:
            return
        for event in transitions(before, after):
            await self.events.record(manifest, event.type, event.reason, event.message)
