from datetime import UTC, datetime
from typing import Any

import pytest

from eagleray.kube.errors import ForbiddenError, NotFoundError
from eagleray.kube.events import REMEMBERED, EventRecorder, last_warning
from eagleray.kube.kinds import EVENT, MODEL_DEPLOYMENT
from fakes.kube import FakeKube

MD: dict[str, Any] = {
    "apiVersion": MODEL_DEPLOYMENT.api_version,
    "kind": MODEL_DEPLOYMENT.kind,
    "metadata": {"name": "churn", "namespace": "ns", "uid": "u1"},
}


def recorder(kube: FakeKube) -> EventRecorder:
    return EventRecorder(kube, "op-1", now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


async def test_an_event_says_what_happened_to_whom() -> None:
    kube = FakeKube()
    await recorder(kube).record(MD, "Warning", "Crash", "exit code 1")
    (event,) = kube.objects.values()
    assert event["apiVersion"] == EVENT.api_version
    assert event["metadata"]["name"].startswith("churn.")
    assert event["metadata"]["namespace"] == "ns"
    assert event["regarding"] == {
        "apiVersion": "eagleray.dev/v1alpha1",
        "kind": "ModelDeployment",
        "name": "churn",
        "namespace": "ns",
        "uid": "u1",
    }
    assert (event["type"], event["reason"], event["note"]) == ("Warning", "Crash", "exit code 1")
    assert event["eventTime"] == "2026-01-02T03:04:05.000000Z"
    assert event["reportingInstance"] == "op-1"


async def test_the_same_again_is_not_written() -> None:
    kube = FakeKube()
    r = recorder(kube)
    for _ in range(3):
        await r.record(MD, "Normal", "Ready", "answers")
    assert len(kube.calls) == 1


async def test_a_return_to_an_earlier_state_counts_on_its_event() -> None:
    kube = FakeKube()
    r = recorder(kube)
    for reason in ("Ready", "NotReady", "Ready"):
        await r.record(MD, "Normal", reason, "m")
    counts = {e["reason"]: e.get("series", {}).get("count") for e in kube.objects.values()}
    assert counts == {"Ready": 2, "NotReady": None}


async def test_after_a_restart_the_event_of_before_is_counted_on() -> None:
    kube = FakeKube()
    await recorder(kube).record(MD, "Normal", "Ready", "m")
    await recorder(kube).record(MD, "Normal", "Ready", "m")
    (event,) = kube.objects.values()
    assert event["series"]["count"] == 2


async def test_an_event_that_the_server_has_forgotten_is_made_anew() -> None:
    kube = FakeKube()
    r = recorder(kube)
    for reason in ("Ready", "NotReady", "Ready", "NotReady"):
        await r.record(MD, "Normal", reason, "m")
    kube.objects.clear()
    for reason in ("Ready", "NotReady", "Ready"):
        await r.record(MD, "Normal", reason, "m")
    counts = {e["reason"]: e.get("series", {}).get("count") for e in kube.objects.values()}
    assert counts == {"Ready": 2, "NotReady": None}


async def test_an_event_that_is_forgotten_between_two_requests_fails_nothing() -> None:
    kube = FakeKube()
    await recorder(kube).record(MD, "Normal", "Ready", "m")
    kube.fail["patch"] = [NotFoundError("expired")]
    r = recorder(kube)
    await r.record(MD, "Normal", "Ready", "m")
    kube.objects.clear()
    await r.record(MD, "Normal", "NotReady", "m")
    await r.record(MD, "Normal", "Ready", "m")
    assert {e["reason"] for e in kube.objects.values()} == {"Ready", "NotReady"}


async def test_what_is_remembered_is_bounded() -> None:
    kube = FakeKube()
    r = recorder(kube)
    for n in range(REMEMBERED + 10):
        await r.record({**MD, "metadata": {**MD["metadata"], "uid": f"u{n}"}}, "Normal", "Ready", "m")
        kube.objects.clear()
        kube.calls.clear()
    assert (len(r._last), len(r._counts)) == (REMEMBERED, REMEMBERED)


@pytest.mark.parametrize("letter", ["x", "é", "\u2192", "\U0001f600"])
async def test_a_long_message_is_cut_to_what_the_api_takes(letter: str) -> None:
    kube = FakeKube()
    await recorder(kube).record(MD, "Normal", "Ready", letter * 5000)
    (event,) = kube.objects.values()
    assert 1020 < len(event["note"].encode()) <= 1024
    assert set(event["note"]) == {letter}


@pytest.mark.parametrize("verb", ["create", "patch"])
async def test_a_refused_event_fails_nothing(verb: str) -> None:
    kube = FakeKube()
    r = recorder(kube)
    if verb == "patch":
        await recorder(kube).record(MD, "Normal", "Ready", "m")
    kube.fail[verb] = [ForbiddenError("no")]
    await r.record(MD, "Normal", "Ready", "m")


async def test_a_note_has_nothing_that_a_terminal_acts_on() -> None:
    kube = FakeKube()
    await recorder(kube).record(MD, "Warning", "Crash", "it said \x1b]0;title\x07\u202eno\x1b[2J\nmore")
    assert [event["note"] for event in kube.objects.values()] == ["it said no more"]


def event(reason: str, **told: Any) -> dict[str, Any]:
    return {"reason": reason, "note": f"{reason} it is", **told}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([], ""),
        (None, ""),
        (["nonsense", {}], ""),
        ([event("FailedMount", eventTime=None)], "FailedMount: FailedMount it is"),
        (
            [
                event("Newest", series={"lastObservedTime": "2026-01-03T00:00:00Z"}, eventTime="2026-01-01T00:00:00Z"),
                event("Old", deprecatedLastTimestamp="2026-01-02T00:00:00Z"),
                event("Older", eventTime="2026-01-01T00:00:00.000001Z", series=None),
            ],
            "Newest: Newest it is",
        ),
        ([{"reason": "Failed"}], "Failed"),
    ],
)
def test_the_last_warning_is_the_one_that_was_told_of_last(events: object, said: str) -> None:
    assert last_warning(events) == said
