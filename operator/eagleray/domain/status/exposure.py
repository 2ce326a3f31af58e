"""Whether strangers are asked who they are, and what is missing of that by which clients are known."""

from collections.abc import Iterable

from eagleray.api.conditions import ConditionType, Reason
from eagleray.domain.actions.access import Access
from eagleray.domain.facts.problem import Problem
from eagleray.domain.facts.routers import RouterPod
from eagleray.domain.status.verdict import Verdict, Verdicts

_MOST_NAMED = 3


def exposed_verdicts(access: Access) -> Verdicts:
    """Judge whether whoever reaches the router may ask.

    Args:
        access: whom the router is told to let in.
    """
    if access.known_by:
        known = Verdict("False", Reason.CLIENTS_KNOWN, f"clients are known by {' and '.join(access.known_by)}")
        return {ConditionType.EXPOSED: known}
    said = "whoever reaches the router may ask; write spec.router.auth to say who may"
    return {ConditionType.EXPOSED: Verdict("True", Reason.NO_AUTH, said)}


def is_closed(routers: Iterable[RouterPod]) -> bool:
    """Whether no router Pod that takes requests can let anybody in."""
    ready = [router for router in routers if router.ready]
    return bool(ready) and all(router.credentials.closed for router in ready)


def missing_credentials(routers: Iterable[RouterPod]) -> Problem | None:
    """What router Pods lack of what they mount; None where nothing is known to be wrong."""
    problems = dict.fromkeys(problem for router in routers for problem in router.credentials.problems)
    if not problems:
        return None
    more = f"; and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
    return Problem(Reason.CREDENTIALS_MISSING, "; ".join(list(problems)[:_MOST_NAMED]) + more)
