"""Router Pods: what each of them says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eagleray.domain.facts.comparison import Comparison
from eagleray.domain.facts.problem import Problem
from eagleray.domain.facts.router_stats import RouterStats


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a router Pod stands with the Secrets and ConfigMaps by which it knows clients.

    Attributes:
        problems: what is wrong with them, each in a sentence.
        closed: whether nobody can be let in for it.
    """

    problems: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class RouterPod:
    """A router Pod.

    Attributes:
        name: the Pod's name.
        ip: its address, or "".
        stats: its statistics, or None while it does not answer: missing, which is never zero.
        problem: what is wrong with it, or None.
        ready: whether it gets requests; one that has just started sees no replica yet, and nobody sees it.
        comparisons: what its comparer found, by revision; empty where it has none or that does not answer.
        held: requests that wait there, by the revision that they wait for.
        uid: the Pod's uid, the precondition of its deletion.
        credentials: what is wrong with what it mounts; nothing also where that cannot be asked.
        guarded: whether it has a door of the operator's own, where it is asked for a token.
        notice: why its node, which takes no more Pods, is about to go; "" while it is not.
    """

    name: str
    ip: str
    stats: RouterStats | None
    problem: Problem | None = None
    ready: bool = True
    comparisons: tuple[Comparison, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    uid: str = ""
    notice: str = ""
    credentials: Credentials = field(default_factory=Credentials)
    guarded: bool = False
