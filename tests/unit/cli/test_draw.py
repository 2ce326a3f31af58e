"""What `status` and `revisions` print, as a whole; EAGLERAY_GOLDEN=write takes over what is drawn now."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from eagleray.cli.draw import draw_revisions, draw_status, health_of
from eagleray.cli.model import read
from eagleray.cli.pods import read_pod
from eagleray.cli.scaling import draw_scaling
from unit.cli.objects import (
    ANALYSIS,
    NEW,
    NOW,
    OLD,
    OLDER,
    STEPS,
    ago,
    condition,
    manifest,
    pod,
    revision,
    rollout,
    version,
)

GOLDEN = Path(__file__).parent / "golden"
FIGURES = [
    {
        "name": "error-rate",
        "verdict": "Successful",
        "message": "0.2% of 1200 requests, limit 1%",
        "measuredAt": ago(seconds=4),
        "successful": 3,
    },
    {
        "name": "latency-p99",
        "verdict": "NoData",
        "message": "[bold]12 requests, 50 are needed",
        "measuredAt": ago(seconds=4),
        "inconclusive": 1,
    },
]
OWN_FIGURE = {"name": "latency-p50", "verdict": "Failed", "message": "9 ms, limit 5ms", "measuredAt": ago(seconds=9)}
MIRROR = {
    "version": "v3",
    "revision": "churn-v3-0000000f",
    "at": ago(seconds=3),
    "compared": 640,
    "agreed": 576,
    "agreement": "90.0%",
    "failed": 2,
    "latency": "12.3ms",
    "mirrorLatency": "14.1ms",
}
PULLING = {"ready": False, "restartCount": 2, "state": {"waiting": {"reason": "ImagePullBackOff"}}}
PODS = [
    pod(f"{OLD}-head-1", "head", OLD),
    pod(f"{OLD}-w1-0", "worker", OLD),
    pod("churn-router-x", "router"),
]
ROLLING_PODS = [
    pod(f"{NEW}-w1-0", "worker", NEW, phase="Pending", containerStatuses=[PULLING]),
    pod(f"{NEW}-head-1", "head", NEW),
    *PODS,
]

OBJECTS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "settled": (manifest(), PODS),
    "rolling": (
        manifest(
            rollout(
                weight=25,
                attempt=2,
                analysis=FIGURES,
                stepAnalysis=[OWN_FIGURE],
                waitingSince=ago(minutes=1),
                message="pause until 12:01",
            ),
            spec={"rollout": {"steps": STEPS, "analysis": ANALYSIS, "progressDeadlineSeconds": 300}},
            conditions=[
                condition("Ready", "True"),
                condition("Progressing", "True", "RolloutInProgress", f"{NEW} takes its share"),
            ],
        ),
        ROLLING_PODS,
    ),
    "aborted": (
        manifest(
            rollout(phase="Aborted", weight=0, abortedAt=ago(seconds=9), message="at 5%: 7% of 300 requests failed"),
            conditions=[
                condition("Ready", "True"),
                condition("Degraded", "True", "RolloutAborted", "at 5%: 7% of\n300 requests failed"),
            ],
        ),
        ROLLING_PODS,
    ),
    "versions": (
        manifest(
            rollout("v1", direct=True, steps=0, step=0),
            rollout("v2", step=4),
            generation=4,
            traffic="v1 100% · v2 0%",
            mirror=MIRROR,
            versions=[version("v1", weight=80), version("v2", weight=20, effectiveWeight=0, readyReplicas=0)],
            revisions=[],
        ),
        [pod("churn-v0-0000000f-w1-0", "worker", "churn-v0-0000000f")],
    ),
    "no-status": ({k: v for k, v in manifest().items() if k != "status"}, []),
}


def text(drawing: RenderableType, *, width: int = 120) -> str:
    out = StringIO()
    Console(file=out, width=width).print(drawing)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def compare(name: str, drawn: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("EAGLERAY_GOLDEN") == "write":
        path.write_text(drawn)
    assert drawn == path.read_text()


@pytest.mark.parametrize("name", OBJECTS)
def test_status(name: str) -> None:
    given, pods = OBJECTS[name]
    compare(name, text(draw_status(read(given), [read_pod(p) for p in pods], NOW)))


def test_revisions() -> None:
    digest = "registry.example.com/team/churn:7@sha256:0123456789abcdef"
    revisions = [
        revision(OLDER, "Replaced", createdAt=ago(days=9), lastActiveAt=ago(hours=3)),
        revision(OLD, "Serving", image=digest),
        revision(NEW, "Pending", createdAt=ago(minutes=5), uri=None),
    ]
    compare("revisions", text(draw_revisions(read(manifest(rollout(), revisions=revisions)), NOW)))


SCALING: dict[str, list[dict[str, Any]]] = {
    "scaling": [
        {
            "version": "default",
            "revision": OLD,
            "deployment": "",
            "desired": 8,
            "minReplicas": 2,
            "maxReplicas": 10,
            "reason": "ScaleUpLimit",
            "message": "OngoingRequests 12 per replica, target 5: 10 replicas are asked for; bit by bit",
            "startSeconds": 14,
            "metrics": [
                {"name": "OngoingRequests", "value": "12", "target": "5", "replicas": 10},
                {"name": "Prometheus", "target": "3", "message": "p answered 500", "missingSince": ago(minutes=4)},
            ],
            "changes": [
                {"at": ago(seconds=15), "from": 4, "to": 8, "message": "OngoingRequests 24 per replica"},
                {"at": ago(hours=5), "from": 5, "to": 4, "message": "OngoingRequests 2 per replica"},
            ],
        },
        {
            "version": "default",
            "revision": NEW,
            "deployment": "",
            "desired": 1,
            "minReplicas": 1,
            "maxReplicas": 10,
            "reason": "DesiredWithinRange",
            "message": "1 replica",
        },
    ],
    "asleep": [
        {
            "version": "default",
            "revision": OLD,
            "deployment": "",
            "desired": 0,
            "minReplicas": 1,
            "maxReplicas": 2,
            "reason": "DesiredWithinRange",
            "message": "no request for 15m",
            "idleSince": ago(minutes=20),
            "changes": [{"at": ago(minutes=20), "from": 1, "to": 0, "message": "no request for 15m"}],
        }
    ],
}


@pytest.mark.parametrize("name", SCALING)
def test_scaling(name: str) -> None:
    given = read(manifest(scaling=SCALING[name], versions=[version(candidate=NEW)]))
    compare(name, text(draw_scaling(given, NOW)))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"replicas": 3}, "no autoscaling: spec.replicas is 3"),
        ({"autoscaling": {"maxReplicas": 3}}, "the operator has not seen spec.autoscaling yet"),
        ({"suspend": True}, "spec.suspend is true"),
    ],
)
def test_without_a_decision_it_says_who_decides(spec: dict[str, Any], said: str) -> None:
    assert said in text(draw_scaling(read(manifest(spec=spec)), NOW))


def test_only_the_last_column_gives_way_on_a_narrow_terminal() -> None:
    given, pods = OBJECTS["rolling"]
    drawn = text(draw_status(read(given), [read_pod(p) for p in pods], NOW), width=90)
    assert all(p["metadata"]["name"] in drawn for p in pods)
    assert max(map(len, drawn.splitlines())) <= 90


def test_a_note_is_on_top() -> None:
    assert text(draw_status(read(manifest()), [], NOW, "Not up to date")).startswith("Not up to date\nName:")


@pytest.mark.parametrize(
    ("true", "health"),
    [
        ({"Ready"}, "Healthy"),
        ({"Ready", "Progressing"}, "Progressing"),
        ({"Ready", "Progressing", "Paused"}, "Paused"),
        ({"Ready", "Paused", "Degraded"}, "Degraded"),
        ({"Stalled"}, "Degraded"),
        (set(), "Unknown"),
    ],
)
def test_health(true: set[str], health: str) -> None:
    assert health_of(read(manifest(conditions=[condition(kind, "True") for kind in sorted(true)]))) == health
