from datetime import UTC, datetime, timedelta, timezone

import pytest

from eagleray.cli.errors import CliError
from eagleray.cli.model import Model
from eagleray.cli.restart import restart
from unit.cli.objects import NEW, OLD, model, rollout, version

NOW = datetime(2026, 3, 1, 14, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
RESTARTED = "kubectl.kubernetes.io/restartedAt"


@pytest.mark.parametrize("of", [model(), model(rollout()), model(annotations={RESTARTED: "2026-01-01T00:00:00Z"})])
def test_it_writes_the_time_as_kubectl_does(of: Model) -> None:
    answer = restart(of, NOW)
    assert answer.annotations == {RESTARTED: "2026-03-01T12:00:00Z"}
    assert answer.says == (
        "Every version of shop/churn is made anew and takes over as in any rollout; "
        "`kubectl eagleray status churn -n shop --watch` shows how it goes."
    )


def test_what_went_back_is_not_taken_forward_unasked() -> None:
    back = model(annotations={"eagleray.dev/rollback": f"{OLD}/{NEW}"}, versions=[version(wanted=NEW)])
    with pytest.raises(CliError, match=f"went back to {OLD}, and a restart is of what spec asks for, {NEW}"):
        restart(back, datetime.now(UTC))
