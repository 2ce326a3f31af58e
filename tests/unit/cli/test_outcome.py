import pytest

from eagleray.cli.model import Model
from eagleray.cli.outcome import Ended, ended
from unit.cli.objects import NEW, OLD, OLDER, condition, model, rollout, version

ABORTED = rollout(phase="Aborted", message="too slow")
TAKEN_BACK = Ended(well=False, why=f"the rollout to {NEW} was taken back: too slow")
BACK_TO_OLDER = {"eagleray.dev/rollback": f"{OLDER}/{OLD}"}


@pytest.mark.parametrize(
    ("of", "end"),
    [
        (model(), Ended(well=True)),
        (model(generation=4), None),
        (model(rollout()), None),
        (model(rollout(phase="Paused")), None),
        (model(ABORTED), TAKEN_BACK),
        (model(ABORTED, annotations={"eagleray.dev/retry": f"{NEW}/1"}), None),
        (model(ABORTED, rollout("v2")), None),
        (model(conditions=[condition("Ready", "False")]), None),
        (model(conditions=[condition("Ready", "True"), condition("Progressing", "True")]), None),
        (model(conditions=[condition("Stalled", "True", "InvalidSpec", "bad")]), Ended(well=False, why="bad")),
        (model(annotations=BACK_TO_OLDER), None),
        (model(annotations=BACK_TO_OLDER, versions=[version(stable=OLDER)]), Ended(well=True)),
        (model(annotations={"eagleray.dev/rollback": f"gone/{OLD}"}), Ended(well=True)),
    ],
    ids=[
        "settled",
        "spec not seen",
        "rolling out",
        "waits for a person",
        "taken back",
        "to be retried",
        "another goes on",
        "not ready",
        "still at it",
        "stuck",
        "rollback asked for",
        "rolled back",
        "rollback to what is forgotten",
    ],
)
def test_ended(of: Model, end: Ended | None) -> None:
    assert ended(of) == end
