"""How far a mirrored version agrees with what users got: the words of the comparers, taken together."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from eagleray.domain.actions.router_config import RouterMirror
from eagleray.domain.facts.comparison import Comparison, agreement
from eagleray.domain.state.model import MirrorState

# The figures move with every request; written each time they would be most of what the API server hears of the object.
WRITE_SECONDS = 10.0
MAX_SAMPLES = 5


def mirror_status(
    mirror: RouterMirror | None,
    version: str,
    found: Iterable[Comparison],
    before: MirrorState | None,
    now: datetime,
) -> MirrorState | None:
    """Describe a comparison.

    Args:
        mirror: who gets copies now; None while nobody does, which leaves what was said before.
        version: the mirrored version.
        found: what every router Pod's comparer found, about any revision; nothing of those that did not answer.
        before: what was said last.
        now: the time of the decision.
    """
    if mirror is None:
        return before if before and before.version == version else None
    parts = [c for c in found if c.revision == mirror.revision]
    same = before is not None and (before.version, before.revision) == (version, mirror.revision)
    if before and same and (not parts or (now - before.at).total_seconds() < WRITE_SECONDS):
        return before
    compared = sum(c.compared for c in parts)
    agreed = sum(c.agreed for c in parts)
    samples = sorted((s for c in parts for s in c.samples), key=lambda s: s.at, reverse=True)
    said = MirrorState(
        version=version,
        revision=mirror.revision,
        at=now,
        compared=compared,
        agreed=agreed,
        agreement=agreement(agreed, compared),
        failed=sum(c.failed for c in parts),
        skipped=sum(c.skipped for c in parts),
        latency=_mean_ms(sum(c.user_seconds for c in parts), compared),
        mirror_latency=_mean_ms(sum(c.mirror_seconds for c in parts), compared),
        samples=tuple(samples[:MAX_SAMPLES]),
    )
    unchanged = before is not None and same and said == replace(before, at=now)
    return before if unchanged else said


def _mean_ms(seconds: float, count: int) -> str | None:
    return f"{1000 * seconds / count:.1f}ms" if count else None
