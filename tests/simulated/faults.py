"""What goes wrong, at every await of the API server's client and of the peers: from a seed, or as a case orders it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from simulated.background import time
from simulated.story import Story


class Fault(Enum):
    """What becomes of one request."""

    NONE = "answered"
    REFUSED = "refused with 403"
    INVALID = "refused with 422"
    BROKEN = "answered 500"
    BARE = "answered 404 without a body"
    DROPPED = "timed out, and was not carried out"
    UNHEARD = "timed out, and was carried out"
    LOST = "carried out, and the connection was reset"
    LATE = "answered late"
    STALE = "answered with what was true before"
    HOSTILE = "answered with nonsense"
    DEADLY = "the operator was killed"


KUBE_FAULTS = (Fault.REFUSED, Fault.INVALID, Fault.BROKEN, Fault.DROPPED, Fault.UNHEARD, Fault.LOST, Fault.LATE)
PEER_FAULTS = (Fault.REFUSED, Fault.BROKEN, Fault.DROPPED, Fault.UNHEARD, Fault.LATE, Fault.STALE, Fault.HOSTILE)


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        who: the operator that makes it.
        verb: of the API server, or the name of a question to a peer.
        target: a kind, or the Pod that is asked.
        name: the object's name, or "".
        namespace: the object's namespace, or "".
    """

    who: str
    verb: str
    target: str
    name: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.target} {self.name}".rstrip()


@dataclass(slots=True)
class Order:
    """A fault that a case orders.

    Attributes:
        matches: which calls meet it.
        fault: what becomes of them.
        words: what they are told.
        times: how many more calls meet it; a negative number never ends.
    """

    matches: Callable[[Call], bool]
    fault: Fault
    words: str = "because the test says so"
    times: int = -1


class Faults:
    """The bad luck of one cluster.

    Args:
        rng: where it comes from.
        story: is told of it.

    Attributes:
        share: of all calls, so many meet a fault that nobody ordered.
        deadly: of all calls, so many are the last of their operator.
        last: when the last fault was met, in loop time.
        spared: which calls meet no fault that nobody ordered.
    """

    def __init__(self, rng: random.Random, story: Story) -> None:
        self._rng = rng
        self._story = story
        self._orders: list[Order] = []
        self.share = 0.0
        self.deadly = 0.0
        self.last = -1e9
        self.spared: Callable[[Call], bool] = lambda _: False

    def order(self, matches: Callable[[Call], bool], fault: Fault, *, words: str = "", times: int = -1) -> Order:
        """Have calls meet a fault; take it back with `lift`."""
        order = Order(matches, fault, words or "because the test says so", times)
        self._orders.append(order)
        return order

    def lift(self, order: Order) -> None:
        """Take an order back."""
        self._orders.remove(order)

    def calm(self) -> None:
        """No more faults, ordered or not."""
        self._orders.clear()
        self.share = self.deadly = 0.0

    def draw(self, call: Call, kinds: tuple[Fault, ...]) -> tuple[Fault, str]:
        """What becomes of a call, and in which words."""
        found = next((o for o in self._orders if o.times and o.matches(call)), None)
        if found is not None:
            found.times -= 1
            self.last = time()
            self._story.tell(call.who, call, "is", found.fault.value)
            return found.fault, found.words
        if self.deadly and self._rng.random() < self.deadly:
            self.last = time()
            self._story.tell(call.who, "is killed at", call)
            return Fault.DEADLY, ""
        if self.share and not self.spared(call) and self._rng.random() < self.share:
            fault = self._rng.choice(kinds)
            self.last = time()
            self._story.tell(call.who, call, "is", fault.value)
            return fault, "by bad luck"
        return Fault.NONE, ""
