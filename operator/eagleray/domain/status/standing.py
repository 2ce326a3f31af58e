"""How an object stands: what its conditions are judged by."""

from dataclasses import dataclass

from eagleray.domain.facts.pods import Pod
from eagleray.domain.facts.problem import Problem
from eagleray.domain.version.version_view import Versions


@dataclass(frozen=True, slots=True)
class Standing:
    """How an object stands.

    Attributes:
        versions: its versions.
        leaving: how many Pods are still to go.
        overdue: Pods that should have gone.
        router: what is wrong with its router, or None.
        credentials: what its routers lack of that by which clients are known, or None.
        closed: whether its routers can let nobody in for it.
        outside: what keeps those from leading to it who are to, or None.
        leaver: what keeps a revision from leaving, or None.
        refused: what spec asks for and is not given, and why; or "".
        suspended: whether spec takes everything down.
    """

    versions: Versions
    leaving: int = 0
    overdue: tuple[Pod, ...] = ()
    router: Problem | None = None
    credentials: Problem | None = None
    closed: bool = False
    outside: Problem | None = None
    leaver: Problem | None = None
    refused: str = ""
    suspended: bool = False

    @property
    def problem(self) -> Problem | None:
        """The problem to name, after what was refused."""
        return self.router or _worst(self.versions) or self.credentials or self.outside or self.leaver


def _worst(versions: Versions) -> Problem | None:
    """The problem to name: of a candidate before that of what serves; an aborted candidate's is its rollout's."""
    problems = [view.problem for v in versions if not v.aborted for view in reversed(v.views) if view.problem]
    problems += [v.stable.problem for v in versions if v.aborted and v.stable and v.stable.problem]
    return problems[0] if problems else None
