"""Watches as kopf hands them on: one stream for each kind, in order within a kind, with all that goes wrong there.

At the start, and whenever a stream broke, the objects that exist come without a type; what was deleted meanwhile is
never told: such ghosts are kopf's own defect.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eagleray.kube.kinds import Kind, Manifest
from simulated.api_server import ApiServer
from simulated.objects import copied, selected, with_meta
from simulated.storage import Change
from simulated.story import Story

# Timers of the same time come in any order.
_APART = 1e-6
# Takes the kind, the type of the event (None where it was listed) and the object.
Handler = Callable[[Kind, str | None, Manifest], None]


@dataclass
class Weather:
    """How badly the watches of an operator do.

    Attributes:
        lag: seconds that an event takes at most.
        twice: share of the events that come twice.
    """

    lag: float = 0.05
    twice: float = 0.0


class Watches:
    """The watches of one operator.

    Args:
        server: the API server.
        selectors: the kinds that are watched, each with the labels that its objects must carry.
        rng: how late events are.
        story: is told of gaps.
        handler: takes the events.
    """

    def __init__(
        self,
        server: ApiServer,
        selectors: Mapping[Kind, Mapping[str, str]],
        rng: random.Random,
        story: Story,
        handler: Handler,
    ) -> None:
        self.weather = Weather()
        self._server = server
        self._selectors = selectors
        self._rng = rng
        self._story = story
        self._handler = handler
        self._due: dict[Kind, float] = {}
        self._broken: set[Kind] = set()
        self._stopped = False

    def start(self) -> None:
        """List every kind, and listen."""
        if self._stopped:
            return
        self._server.listeners.append(self._heard)
        for kind in self._selectors:
            self._list(kind)

    def stop(self) -> None:
        """Nothing is handed on any more."""
        self._stopped = True
        if self._heard in self._server.listeners:  # else it was stopped before it began
            self._server.listeners.remove(self._heard)

    def break_off(self, kind: Kind, seconds: float) -> None:
        """Lose every event of a kind for so long; then it is listed anew."""
        if kind in self._selectors and kind not in self._broken:
            self._story.tell("watch", "of", kind.kind, f"is broken for {seconds:.1f} s")
            self._broken.add(kind)
            asyncio.get_running_loop().call_later(seconds, self._mend, kind)

    @property
    def kinds(self) -> list[Kind]:
        return list(self._selectors)

    def _mend(self, kind: Kind) -> None:
        self._broken.discard(kind)
        if not self._stopped:
            self._list(kind)

    def _list(self, kind: Kind) -> None:
        for manifest in self._server.list(kind, labels=self._selectors[kind]):
            self._deliver(kind, None, manifest)

    def _heard(self, change: Change) -> None:
        kind = change.ref.kind
        if kind not in self._selectors or kind in self._broken:
            return
        labels = self._selectors[kind]
        before = change.old is not None and selected(change.old, labels)
        after = change.new is not None and selected(change.new, labels)
        if not before and not after:
            return
        what, manifest = ("MODIFIED" if before else "ADDED") if after else "DELETED", change.last
        if change.new is not None and change.old is not None and not after:
            # Who leaves the selection is told as it was within, with the version of now.
            manifest = with_meta(change.old, resourceVersion=manifest["metadata"]["resourceVersion"])
        self._deliver(kind, what, manifest)
        if self.weather.twice and self._rng.random() < self.weather.twice:
            self._deliver(kind, what, manifest)

    def _deliver(self, kind: Kind, what: str | None, manifest: Manifest) -> None:
        loop = asyncio.get_running_loop()
        due = max(self._due.get(kind, 0.0) + _APART, loop.time() + self._rng.uniform(0, self.weather.lag))
        self._due[kind] = due
        loop.call_at(due, self._hand_on, kind, what, manifest)

    def _hand_on(self, kind: Kind, what: str | None, manifest: Manifest) -> None:
        if not self._stopped:
            self._handler(kind, what, copied(manifest))
