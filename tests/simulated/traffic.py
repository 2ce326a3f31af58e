"""Users: a steady load on each model, request by request accounted for."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from eagleray.domain.actions.router_config import SLOTS
from eagleray.kube.kinds import MODEL_DEPLOYMENT, Ref
from simulated.background import later, time
from simulated.envoy import LOST, UNAVAILABLE, Router

TICK_SECONDS = 1.0
REFUSED = "no router"
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of requests of one second.

    Attributes:
        at: when, in loop time.
        model: the model that was asked.
        revision: who was to answer, or "" where the split is empty.
        what: answered, lost …
        number: how many.
    """

    at: float
    model: Key
    revision: str
    what: str
    number: int


@dataclass
class Users:
    """The users of one model.

    Attributes:
        rate: requests a second.
        fates: how many met which fate.
        answered: how many each revision has answered.
    """

    rate: float = 0.0
    fates: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)


class Traffic:
    """All users.

    Args:
        routers: the router Pods behind a model's Service that take requests now.
    """

    def __init__(self, routers: Callable[[Key], Iterable[Router]]) -> None:
        self.users: defaultdict[Key, Users] = defaultdict(Users)
        self.listeners: list[Callable[[Fate], None]] = []
        self.bad: deque[Fate] = deque(maxlen=1000)
        self._routers = routers
        self._ticking = False

    def send(self, namespace: str, name: str, rate: float) -> None:
        """From now on, so many requests a second."""
        self.users[namespace, name].rate = rate
        if not self._ticking:
            self._ticking = True
            later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        busy = False
        for model, users in self.users.items():
            routers = list(self._routers(model))
            busy = busy or bool(users.rate) or any(router.waiting() for router in routers)
            if users.rate and not routers:
                self._note(model, "", REFUSED, int(users.rate) or 1)
            for router in routers:
                self._at(model, router, users.rate / len(routers) * TICK_SECONDS)
        self._ticking = busy
        if busy:
            later(TICK_SECONDS, self._tick)

    def _at(self, model: Key, router: Router, number: float) -> None:
        router.rests()
        for revision, fates in router.release():
            self._notes(model, revision, fates)
        if not number:
            return
        if not router.loaded.split:
            self._note(model, "", UNAVAILABLE, router.part("", number))
        for revision, slots in router.loaded.split:
            self._notes(model, revision, router.carry(revision, router.part(revision, number * slots / SLOTS)))

    def _notes(self, model: Key, revision: str, fates: Counter[str]) -> None:
        for what, number in fates.items():
            self._note(model, revision, what, number)

    def _note(self, model: Key, revision: str, what: str, number: int) -> None:
        if not number:
            return
        users = self.users[model]
        users.fates[what] += number
        if what == "answered":
            users.answered[revision] += number
        fate = Fate(time(), model, revision, what, number)
        if what in {LOST, REFUSED}:
            self.bad.append(fate)
        for listener in self.listeners:
            listener(fate)


def ref_of_model(key: Key) -> Ref:
    return Ref(MODEL_DEPLOYMENT, *key)
