"""The bounds of scaling that hold now: those of the schedule that began last, or the version's own."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from eagleray.api.autoscaling import Scaling, ScalingSchedule
from eagleray.domain.actions.actions import Wake
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.version.scaling.decision import Bounds

UTC_NAME = "UTC"


def check_schedules(rules: Scaling) -> None:
    """Refuse a schedule that no clock can follow: CEL can read neither cron nor names of time zones.

    Raises:
        InvalidSpecError: it names the schedule and the field.
    """
    for schedule in rules.schedules or []:
        where = f"autoscaling.schedules[{schedule.name}]"
        try:
            zone = _zone(schedule)
        except (KeyError, ValueError, OSError) as e:
            raise InvalidSpecError(
                f"{where}.timeZone: {schedule.time_zone!r} is no time zone; write Europe/Berlin"
            ) from e
        try:
            CronSim(schedule.cron, datetime(2026, 1, 1, tzinfo=zone))
        except CronSimError as e:
            raise InvalidSpecError(f"{where}.cron: {schedule.cron!r} is no cron; write for example 0 18 * * 1-5") from e


def bounds(rules: Scaling, now: datetime) -> Bounds:
    """Fewest and most replicas that are allowed at `now`.

    Args:
        rules: the spec; its schedules have been checked.
        now: the time, with a time zone.
    """
    begun = [(begin, schedule) for schedule in rules.schedules or [] if (begin := _began(schedule, now)) is not None]
    last = max(begun, key=lambda item: item[0], default=(now, None))[1]
    least, most = rules.min_replicas or 1, rules.max_replicas
    if last is not None:
        least, most = last.min_replicas or least, last.max_replicas or most
    return Bounds(least=min(least, most), most=most)


def schedule_wakes(rules: Scaling, now: datetime) -> Iterator[Wake]:
    """When each schedule begins next; one whose cron never comes about again does not.

    Args:
        rules: the spec; its schedules have been checked.
        now: the time, with a time zone.
    """
    for schedule in rules.schedules or []:
        begin = next(CronSim(schedule.cron, now.astimezone(_zone(schedule))), None)
        if begin is not None:
            yield Wake(begin, f"schedule {schedule.name} begins")


def _zone(schedule: ScalingSchedule) -> tzinfo:
    return ZoneInfo(schedule.time_zone or UTC_NAME)


def _began(schedule: ScalingSchedule, now: datetime) -> datetime | None:
    """When the schedule began last; None where its cron never came about."""
    return next(CronSim(schedule.cron, now.astimezone(_zone(schedule)), reverse=True), None)
