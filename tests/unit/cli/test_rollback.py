import pytest

from eagleray.cli.errors import CliError
from eagleray.cli.model import Model
from eagleray.cli.rollback import rollback
from unit.cli.objects import NEW, OLD, OLDER, ago, model, revision, rollout, version

ROLLBACK = "eagleray.dev/rollback"
FAILED = "churn-default-dddd0004"
REVISIONS = [
    revision(OLD, "Serving"),
    revision("churn-default-eeee0005", "Replaced", lastActiveAt=ago(hours=8)),
    revision(OLDER, "Replaced", lastActiveAt=ago(hours=3)),
    revision(NEW, "Replaced", lastActiveAt=ago(hours=1)),
    revision(FAILED, "Failed", lastActiveAt=ago(minutes=1)),
    revision("churn-v2-ffff0006", "Replaced", lastActiveAt=ago(minutes=1)),
]
ROLLED_BACK = {ROLLBACK: f"{OLD}/{NEW}"}


def settled(**fields: str) -> Model:
    """OLD is served."""
    revisions = [r for r in REVISIONS if r["name"] != NEW]
    return model(annotations=fields, revisions=revisions)


def rolled_back() -> Model:
    """OLD is served, and spec asks for NEW."""
    return model(annotations=ROLLED_BACK, versions=[version(wanted=NEW)], revisions=REVISIONS)


@pytest.mark.parametrize(
    ("of", "to", "value"),
    [
        (settled(), None, f"{OLDER}/{OLD}"),
        (settled(), FAILED, f"{FAILED}/{OLD}"),
        (
            settled(**{ROLLBACK: f"{OLDER}/{FAILED},churn-v2-1/churn-v2-2"}),
            None,
            f"churn-v2-1/churn-v2-2,{OLDER}/{OLD}",
        ),
        (rolled_back(), None, f"{OLDER}/{NEW}"),
        (rolled_back(), NEW, None),
        (model(rollout()), OLD, f"{OLD}/{NEW}"),
        (model(rollout(phase="Aborted")), OLD, f"{OLD}/{NEW}"),
        (model(rollout(phase="Aborted")), None, f"{OLDER}/{NEW}"),
    ],
    ids=[
        "the one before",
        "a named one",
        "the dead item goes, the other version's stays",
        "further back",
        "forward again",
        "the stable one, while another comes",
        "the stable one, after an abort",
        "the one before, after an abort",
    ],
)
def test_writes(of: Model, to: str | None, value: str | None) -> None:
    assert rollback(of, None, to).annotations == {ROLLBACK: value}


@pytest.mark.parametrize(
    ("to", "says"),
    [
        (
            None,
            f"{OLDER} takes over from {OLD} without steps, as soon as its replicas answer; spec still asks",
        ),
        (FAILED, f"{FAILED} has not served yet and takes over from {OLD} by the steps"),
    ],
)
def test_says_what_happens_next(to: str | None, says: str) -> None:
    answer = rollback(settled(), None, to)
    assert answer.says.startswith(says)
    assert answer.says.endswith(f"go forward with `kubectl eagleray rollback churn -n shop --to {OLD}`.")


@pytest.mark.parametrize(
    ("of", "version_name", "to", "why"),
    [
        (settled(), None, OLD, f"{OLD} is what spec asks for already"),
        (rolled_back(), None, OLD, f"{OLD} is what version default serves already"),
        (settled(), None, "churn-default-0", "has no revision churn-default-0; `kubectl eagleray revisions churn"),
        (settled(), "default", "churn-v2-ffff0006", "is a revision of version v2, not of default"),
        (settled(), "v9", None, "has no version v9; its versions: default"),
        (model(rollout()), None, None, "is rolling out to .*: `kubectl eagleray abort churn"),
        (model(rollout(phase="Aborted")), None, NEW, "`kubectl eagleray retry churn -n shop --version default`"),
        (model(revisions=[revision(OLD, "Serving")]), None, None, "nothing to go back to"),
        (model(versions=[version("v1"), version("v2")]), None, None, r"several versions \(v1, v2\)"),
        (model(versions=[version(wanted=None)]), None, None, "has not said yet which revision"),
    ],
)
def test_refuses(of: Model, version_name: str | None, to: str | None, why: str) -> None:
    with pytest.raises(CliError, match=why):
        rollback(of, version_name, to)


def test_of_several_versions_the_revision_tells_which() -> None:
    revisions = [revision("churn-v2-1", "Replaced"), revision("churn-v1-1", "Replaced")]
    of = model(versions=[version("v1"), version("v2")], revisions=revisions)
    assert rollback(of, None, "churn-v2-1").annotations == {ROLLBACK: "churn-v2-1/churn-v2-aaaa0001"}
