"""The body of the PUT."""

from collections.abc import Callable
from typing import Any

import pytest

from eagleray.domain.actions.actions import PutApplication
from eagleray.domain.facts.patience import Patience, patience_for
from eagleray.domain.goals.revision import Revision
from eagleray.resources.application import build_application

MakeRevision = Callable[..., Revision]


def put(replicas: dict[str, int], **patience: Patience) -> PutApplication:
    return PutApplication("churn-default-0", "churn-default-0-head-0", replicas, patience)


def deployment(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["applications"][0]["deployments"][0]
    return found


def test_model(make_revision: MakeRevision) -> None:
    (application,) = build_application(make_revision(batching={"maxSize": 32, "maxWait": "50ms"}), put({"Model": 3}))[
        "applications"
    ]
    assert application["name"] == "churn"
    assert application["route_prefix"] == "/"
    assert application["external_scaler_enabled"] is True
    assert application["import_path"] == "eagleray_serving.app:build"
    assert application["args"] == {
        "framework": "sklearn",
        "output": None,
        "name": "churn",
        "path": "/model/model",
        "batching": {"maxSize": 32, "maxWaitSeconds": 0.05},
    }
    assert application["deployments"][0]["name"] == "Model"
    assert application["deployments"][0]["num_replicas"] == 3


def test_a_transform_is_handed_over(make_revision: MakeRevision) -> None:
    model = {"framework": "sklearn", "uri": "pvc://models/churn/1", "transform": "features:transform"}
    (application,) = build_application(make_revision(model=model), put({"Model": 1}))["applications"]
    assert application["args"]["transform"] == "features:transform"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"cache": {"maxBytes": "1Mi", "ttl": "1m30s"}}, {"maxBytes": 2**20, "ttlSeconds": 90.0}),
        ({"cache": {"maxBytes": 2048}}, {"maxBytes": 2048}),
        ({}, None),
    ],
)
def test_the_cache_is_told_in_bytes_and_seconds(answers: Any, told: Any, make_revision: MakeRevision) -> None:
    (application,) = build_application(make_revision(answers=answers), put({"Model": 1}))["applications"]
    assert application["args"].get("cache") == told


@pytest.mark.parametrize(
    ("warmup", "told"),
    [
        ([{"path": "/v1/models/churn:predict", "body": {"instances": [[1, 2]]}}], [[1, 2]]),
        ([{"path": "/v2/health/ready"}, {"path": "/v1/models/churn:predict", "body": {"instances": [1]}}], [1]),
        ([{"path": "/v1/models/churn:explain", "body": {"instances": [[1, 2]]}}], None),
        ([{"path": "/v1/models/churn:predict", "body": {"instances": []}}], None),
        ([{"path": "/v1/models/churn:predict", "body": "text"}], None),
    ],
)
def test_the_model_is_tried_on_the_rows_of_the_warmup(warmup: Any, told: Any, make_revision: MakeRevision) -> None:
    (application,) = build_application(make_revision(warmup=warmup), put({"Model": 1}))["applications"]
    assert application["args"].get("warmup") == told


def test_app_is_left_as_it_is(make_revision: MakeRevision) -> None:
    revision = make_revision(app={"importPath": "square.app:build", "args": {"power": 2}})
    assert build_application(revision, put({"app": 3}))["applications"] == [
        {
            "name": "churn",
            "route_prefix": "/",
            "external_scaler_enabled": True,
            "import_path": "square.app:build",
            "args": {"power": 2},
        }
    ]


def test_servicers_of_an_app_are_told_when_serve_starts(make_revision: MakeRevision) -> None:
    app = {"importPath": "a:b", "grpcServicers": ["a_pb2_grpc:add_A_to_server"]}
    body = build_application(make_revision(app=app), put({"app": 1}))
    assert body["grpc_options"] == {"grpc_servicer_functions": ["a_pb2_grpc:add_A_to_server"]}
    assert "grpc_options" not in build_application(make_revision(app={"importPath": "a:b"}), put({"app": 1}))


def test_deployments_that_share_their_pods_are_told_what_is_ours_alone(make_revision: MakeRevision) -> None:
    revision = make_revision(app={"importPath": "square.app:build"})
    patience = {"Front": Patience(305, 150), "Back": Patience(health=150)}
    (application,) = build_application(revision, put({"Front": 3}, **patience))["applications"]
    assert application["deployments"] == [
        {"name": "Back", "health_check_timeout_s": 150},
        {
            "name": "Front",
            "num_replicas": 3,
            "autoscaling_config": None,
            "graceful_shutdown_timeout_s": 305,
            "health_check_timeout_s": 150,
        },
    ]


def test_a_model_is_told_from_the_first_how_long_to_wait(make_revision: MakeRevision) -> None:
    told = deployment(build_application(make_revision(), put({"Model": 1}, Model=patience_for(300))))
    assert (told["graceful_shutdown_timeout_s"], told["health_check_timeout_s"]) == (305, 150)


@pytest.mark.parametrize(
    ("fields", "ongoing", "queued"),
    [
        ({}, 100, None),
        ({"batching": {"maxSize": 512}}, 1024, None),
        ({"concurrency": {"max": 16, "queue": 64}}, 16, 64),
        ({"concurrency": {"max": 16}, "batching": {"maxSize": 512}}, 16, None),
    ],
)
def test_concurrency(fields: dict[str, Any], ongoing: int, queued: int | None, make_revision: MakeRevision) -> None:
    found = deployment(build_application(make_revision(**fields), put({"Model": 1})))
    assert (found["max_ongoing_requests"], found.get("max_queued_requests")) == (ongoing, queued)


def test_replicas_stay_on_their_worker_group(make_revision: MakeRevision) -> None:
    options = deployment(build_application(make_revision(), put({"Model": 1})))["ray_actor_options"]
    assert options["label_selector"] == {"eagleray.dev/group": "Model"}


def test_the_deployments_of_an_app_that_are_named_are_overridden(make_revision: MakeRevision) -> None:
    named = [
        {"name": "Preprocess", "concurrency": {"max": 8}},
        {"name": "Scorer", "resources": {"requests": {"memory": "1Gi"}, "limits": {"nvidia.com/gpu": 1}}},
    ]
    revision = make_revision(app={"importPath": "a:b", "deployments": named})
    (application,) = build_application(revision, put({"Preprocess": 2, "Scorer": 0}))["applications"]
    first, second = application["deployments"]
    assert (first["name"], first["num_replicas"], first["max_ongoing_requests"]) == ("Preprocess", 2, 8)
    assert second == {
        "name": "Scorer",
        "num_replicas": 1,
        "autoscaling_config": None,
        "ray_actor_options": {
            "num_cpus": 1,
            "num_gpus": 1,
            "memory": 2**30,
            "label_selector": {"eagleray.dev/group": "Scorer"},
        },
    }


@pytest.mark.parametrize(
    ("memory", "resources", "most"),
    [
        (None, {}, 256 * 2**20),
        (None, {"requests": {"memory": "2Gi"}}, 2**30),
        (None, {"limits": {"memory": "3Gi"}}, 3 * 2**29),
        ("64Mi", {"requests": {"memory": "2Gi"}}, 64 * 2**20),
    ],
)
def test_several_models_share_half_of_the_memory_or_what_is_told(
    memory: str | None, resources: dict[str, Any], most: int, make_revision: MakeRevision
) -> None:
    models = [{"name": name, "uri": f"pvc://models/{name}/1"} for name in "ab"]
    model = {"framework": "sklearn", "models": models, **({"memory": memory} if memory else {})}
    (application,) = build_application(make_revision(model=model, resources=resources), put({"Model": 1}))[
        "applications"
    ]
    assert application["args"]["path"] == "/model"
    assert application["args"]["several"] == {"names": ["a", "b"], "maxBytes": most}
