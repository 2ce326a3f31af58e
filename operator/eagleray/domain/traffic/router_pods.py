"""Router Pods on nodes that are about to go."""

from collections.abc import Sequence

from eagleray.domain.actions.actions import DeletePod
from eagleray.domain.facts.routers import RouterPod


def leave_nodes(routers: Sequence[RouterPod]) -> tuple[DeletePod, ...]:
    """Move router Pods to other nodes, one at a time, and only while all others take requests.

    Their Deployment makes the next one; what they have under way they finish.
    """
    going = next((r for r in routers if r.notice), None)
    others = [r for r in routers if r is not going]
    if going is None or not others or not all(r.ready for r in others):
        return ()
    return (DeletePod(going.name, going.uid, f"its node is about to go ({going.notice})"),)
