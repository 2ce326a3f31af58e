"""`setWeight`: the candidate gets a share of the requests, when it has replicas for it."""

from dataclasses import dataclass
from typing import ClassVar

from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.version.rollout.step import Aim, Situation, Step, following, going, grow, hold, weigh


@dataclass(frozen=True, slots=True)
class WeightStep(Step):
    """Gives the candidate a share.

    Attributes:
        weight: the share in percent.
    """

    field: ClassVar[str] = "set_weight"
    promotable: ClassVar[bool] = False
    weight: int

    @property
    def aim(self) -> Aim:
        """The share."""
        return Aim(weight=self.weight)

    def take(self, record: RolloutState, situation: Situation, *, promoted: bool) -> RolloutState:
        """Wait for proof and replicas, then for the routers."""
        if self.weight > record.weight and not promoted and (why := hold(record, situation)):
            return going(record, why)
        if not situation.enough:
            return grow(record, situation, self.weight) or going(record, situation.lacking)
        if record.weight != self.weight:
            return weigh(record, self.weight)
        if situation.confirmed:
            return following(record, situation.now, f"{self.weight}% of the requests")
        return going(record, f"the routers take over {self.weight}%")

    def say(self) -> str:
        """What it is."""
        return f"setWeight {self.weight}"
