import pytest

from eagleray.cli.deployment import Deployment
from eagleray.cli.outcome import Ended, ended
from unit.cli.objects import NEW, OLD, OLDER, condition, deployment, rollout, version

ABORTED = rollout(phase="Aborted", message="too slow")
TAKEN_BACK = Ended(well=False, why=f"the rollout to {NEW} was taken back: too slow")
BACK_TO_OLDER = {"eagleray.dev/rollback": f"{OLDER}/{OLD}"}


@pytest.mark.parametrize(
    ("of", "end"),
    [
        (deployment(), Ended(well=True)),
        (deployment(generation=4), None),
        (deployment(rollout()), None),
        (deployment(rollout(phase="Paused")), None),
        (deployment(ABORTED), TAKEN_BACK),
        (deployment(ABORTED, annotations={"eagleray.dev/retry": f"{NEW}/1"}), None),
        (deployment(ABORTED, rollout("v2")), None),
        (deployment(conditions=[condition("Ready", "False")]), None),
        (deployment(conditions=[condition("Ready", "True"), condition("Progressing", "True")]), None),
        (deployment(conditions=[condition("Stalled", "True", "InvalidSpec", "bad")]), Ended(well=False, why="bad")),
        (deployment(annotations=BACK_TO_OLDER), None),
        (deployment(annotations=BACK_TO_OLDER, versions=[version(stable=OLDER)]), Ended(well=True)),
        (deployment(annotations={"eagleray.dev/rollback": f"gone/{OLD}"}), Ended(well=True)),
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
def test_ended(of: Deployment, end: Ended | None) -> None:
    assert ended(of) == end
