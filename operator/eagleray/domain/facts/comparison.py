"""What the comparers in router Pods found about a mirrored revision."""

from dataclasses import dataclass

from eagleray.api.mirror_status import MirrorSample


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


def agreement(agreed: int, compared: int) -> str | None:
    """`90.0%`: never 100.0% where one differs, never 0.0% where one agrees; None before there is anything to say."""
    if not compared:
        return None
    per_mille = round(1000 * agreed / compared)
    if 0 < agreed < compared:
        per_mille = min(max(per_mille, 1), 999)
    return f"{per_mille / 10:.1f}%"
