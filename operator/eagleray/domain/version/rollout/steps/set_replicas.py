"""`setReplicas`: the candidate has so many replicas from here on, whatever its share needs."""

from dataclasses import dataclass
from typing import ClassVar

from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.version.rollout.step import Aim, Situation, Step, following, going, promoted_past


@dataclass(frozen=True, slots=True)
class ReplicasStep(Step):
    """Gives the candidate replicas.

    Attributes:
        replicas: how many.
    """

    field: ClassVar[str] = "set_replicas"
    replicas: int

    @property
    def aim(self) -> Aim:
        """The number."""
        return Aim(replicas=self.replicas)

    def take(self, record: RolloutState, situation: Situation, *, promoted: bool) -> RolloutState:
        """Wait until they answer."""
        if promoted:
            return promoted_past(record, situation.now)
        if situation.enough:
            return following(record, situation.now, "replicas answer")
        return going(record, situation.lacking)

    def say(self) -> str:
        """What it is."""
        return f"setReplicas {self.replicas}"
