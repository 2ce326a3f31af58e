"""`pause`: waits for a time, or for a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from eagleray.api.rollout import Pause as PauseSpec
from eagleray.api.units import parse_duration
from eagleray.domain.actions.actions import Wake
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.version.rollout.step import Situation, Step, following, going, paused, promoted_past


@dataclass(frozen=True, slots=True)
class PauseStep(Step):
    """Waits.

    Attributes:
        pause: how long.
    """

    field: ClassVar[str] = "pause"
    pause: PauseSpec

    def take(self, record: RolloutState, situation: Situation, *, promoted: bool) -> RolloutState:
        """Wait until it is over."""
        if promoted:
            return promoted_past(record, situation.now)
        wake = self.wake(record.step_started_at)
        if wake is None:
            return paused(record, "the step waits for a person; promote goes on")
        if situation.now >= wake.at:
            return following(record, situation.now, "the pause is over")
        return going(record, f"pause until {wake.at:%H:%M:%S} UTC")

    def say(self) -> str:
        """What it is."""
        return f"pause {self.pause.duration}" if self.pause.duration else "pause until promoted"

    def wake(self, since: datetime) -> Wake | None:
        """When it is over."""
        if self.pause.duration is None:
            return None
        return Wake(since + timedelta(seconds=parse_duration(self.pause.duration)), "the pause is over")
