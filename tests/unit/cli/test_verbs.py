from typing import Any

import pytest

from eagleray.cli import verbs
from eagleray.cli.errors import CliError
from eagleray.cli.model import Model
from eagleray.cli.verbs import Ask, VerbAnswer
from unit.cli.objects import ANALYSIS, NEW, STEPS, model, rollout

PROMOTE, PAUSE, ABORT, RETRY = (f"eagleray.dev/{verb}" for verb in ("promote", "pause", "abort", "retry"))
HERE = f"{NEW}/1"
ABORTED = rollout(phase="Aborted", message="at 5%: too many errors", weight=0)


def ask(verb: str, version: str | None = None) -> Ask:
    if verb in {"promote", "promote --full"}:
        return lambda d: verbs.promote(d, version, full=verb.endswith("full"))
    return lambda d: getattr(verbs, verb)(d, version)


@pytest.mark.parametrize(
    ("verb", "at", "before", "after"),
    [
        ("promote", rollout(), {}, {PROMOTE: f"{HERE}/1"}),
        ("promote", rollout(step=3, phase="Paused"), {PROMOTE: f"{HERE}/1"}, {PROMOTE: f"{HERE}/3"}),
        ("promote", rollout(), {PAUSE: HERE}, {PROMOTE: f"{HERE}/1", PAUSE: None}),
        ("promote", rollout(step=2), {PAUSE: HERE}, {PAUSE: None}),
        ("promote", rollout(), {PROMOTE: f"{HERE}/full"}, {PROMOTE: f"{HERE}/full"}),
        ("promote --full", rollout(), {PROMOTE: f"{HERE}/1"}, {PROMOTE: f"{HERE}/full"}),
        ("promote --full", rollout(step=2), {PAUSE: HERE}, {PROMOTE: f"{HERE}/full", PAUSE: None}),
        ("pause", rollout(), {}, {PAUSE: HERE}),
        ("pause", rollout(), {PAUSE: HERE}, {}),
        ("resume", rollout(phase="Paused"), {PAUSE: HERE}, {PAUSE: None}),
        ("abort", rollout(attempt=2), {ABORT: HERE}, {ABORT: f"{NEW}/2"}),
        ("abort", rollout(), {ABORT: HERE}, {}),
        ("retry", ABORTED, {}, {RETRY: HERE}),
        ("retry", ABORTED, {RETRY: HERE}, {}),
    ],
)
def test_writes(verb: str, at: dict[str, Any], before: dict[str, str], after: dict[str, str | None]) -> None:
    assert ask(verb)(model(at, annotations=before)).annotations == after


@pytest.mark.parametrize(
    ("verb", "at", "says"),
    [
        ("promote", rollout(), "step 2/4 (pause 2m) of the rollout to {new} is over; step 3/4 (setWeight 50) of the"),
        (
            "promote",
            rollout(step=3),
            "(pause until promoted) of the rollout to {new} is over; {new} takes over as",
        ),
        ("promote --full", rollout(), "{new} takes over from churn-default-aaaa0001 as soon as all"),
        ("pause", rollout(), "{new} stays at 5% until `kubectl eagleray resume churn -n shop`."),
        ("abort", rollout(), "churn-default-aaaa0001 gets all requests of default back; `kubectl eagleray retry churn"),
        ("retry", ABORTED, "{new} starts again from its first step, as attempt 2."),
    ],
)
def test_says_what_happens_next(verb: str, at: dict[str, Any], says: str) -> None:
    assert says.format(new=NEW) in ask(verb)(model(at)).says


@pytest.mark.parametrize(
    ("verb", "of", "why"),
    [
        ("promote", model(), "nothing to promote: shop/churn is not rolling out"),
        ("promote", model(ABORTED), "taken back (at 5%: too many errors); `kubectl eagleray retry churn -n shop`"),
        ("promote", model(rollout(step=2, message="1 of 2 answer")), "goes on by itself (1 of 2 answer)"),
        ("promote", model(rollout(step=4)), "the last part of the rollout to"),
        ("pause", model(ABORTED), "nothing to pause"),
        ("abort", model(ABORTED), "nothing to abort"),
        ("resume", model(rollout()), "is not paused"),
        ("resume", model(rollout(step=3, phase="Paused")), "`kubectl eagleray promote churn -n shop` goes on"),
        ("retry", model(rollout()), "is Progressing, not Aborted"),
        ("abort", model(rollout("v1"), rollout("v2")), "rolling out (v1, v2); say which with --version"),
    ],
)
def test_refuses(verb: str, of: Model, why: str) -> None:
    with pytest.raises(CliError) as refused:
        ask(verb)(of)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "spec",
    [
        {"rollout": {"steps": STEPS, "analysis": ANALYSIS}},
        {"rollout": {"steps": STEPS[:3]}},
        {"rollout": {"steps": "none"}},
    ],
    ids=["figures may hold it", "spec has other steps by now", "spec is not valid"],
)
def test_a_step_that_may_wait_can_be_promoted(spec: dict[str, Any]) -> None:
    answer = ask("promote")(model(rollout(step=2), spec=spec))
    assert answer.annotations == {PROMOTE: f"{HERE}/2"}


def test_other_versions_are_left_alone() -> None:
    before = {PAUSE: "churn-default-x-0001/1, churn-x-0002/4,churn-default-0003/1,churn-default-0004/2"}
    answer = ask("pause")(model(rollout(), annotations=before))
    assert answer.annotations == {PAUSE: f"churn-default-x-0001/1,churn-x-0002/4,{HERE}"}


def test_of_several_rollouts_the_named_one_is_meant() -> None:
    answer = ask("pause", "v2")(model(rollout("v1"), rollout("v2")))
    assert answer == VerbAnswer(
        {PAUSE: "churn-v2-bbbb0002/1"},
        "churn-v2-bbbb0002 stays at 5% until `kubectl eagleray resume churn -n shop --version v2`.",
    )


@pytest.mark.parametrize(("name", "why"), [("v9", "its versions: v1"), ("default", "has no version default")])
def test_a_version_that_is_not_there(name: str, why: str) -> None:
    with pytest.raises(CliError, match=why):
        ask("pause", name)(model(rollout("v1")))


def test_a_version_that_does_not_roll_out() -> None:
    with pytest.raises(CliError, match="version default of shop/churn is not rolling out"):
        ask("pause", "default")(model())


def test_promoting_a_share_skips_the_figures_alone() -> None:
    spec = {"rollout": {"steps": STEPS, "analysis": ANALYSIS}}
    answer = ask("promote")(model(rollout(step=2), spec=spec))
    assert answer.says == f"{NEW} gets 50% as soon as enough replicas of it answer, whatever its figures say."
