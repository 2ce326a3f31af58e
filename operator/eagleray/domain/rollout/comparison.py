"""How far a mirrored version agrees with what users got: the words of the comparers, taken together."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from eagleray.api.mirror_status import MirrorSample
from eagleray.domain.state.model import MirrorState
from eagleray.domain.traffic.router import RouterMirror

# The figures move with every request; written each time they would be most of what the API server hears of the object.
WRITE_SECONDS = 10.0
MAX_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one router Pod's comparer found since it started.

    Attributes:
        revision: the mirrored revision.
        compared: answers that were compared.
        agreed: those of them that said the same.
        failed: copies that no replica answered.
        skipped: exchanges that could not be compared.
        user_seconds: sum over the compared ones of the time to the user's answer.
        mirror_seconds: the same of the mirrored revision's answer.
        samples: the last that differed.
    """

    revision: str
    compared: int = 0
    agreed: int = 0
    failed: int = 0
    skipped: int = 0
    user_seconds: float = 0.0
    mirror_seconds: float = 0.0
    samples: tuple[MirrorSample, ...] = ()


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


def agreement(agreed: int, compared: int) -> str | None:
    """`90.0%`: never 100.0% where one differs, never 0.0% where one agrees; None before there is anything to say."""
    if not compared:
        return None
    per_mille = round(1000 * agreed / compared)
    if 0 < agreed < compared:
        per_mille = min(max(per_mille, 1), 999)
    return f"{per_mille / 10:.1f}%"


def _mean_ms(seconds: float, count: int) -> str | None:
    return f"{1000 * seconds / count:.1f}ms" if count else None
