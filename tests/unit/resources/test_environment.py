"""The order of variables, which of them are whose, and how replicas tell whether their values are the same."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from eagleray.api.env import FIXED_VARIABLES, EnvVar
from eagleray.domain.goals.references import Reference, references_of
from eagleray.domain.goals.revision import Revision
from eagleray.resources.batch import Batch, build_batch_job
from eagleray.resources.head import build_head_pod
from eagleray.resources.pod import PodSettings
from eagleray.resources.tell_references import main
from eagleray.resources.worker import WorkerPlace, build_worker_pod

DOCS = Path(__file__).parents[3] / "docs/how-to/set-the-environment.md"
MakeRevision = Callable[..., Revision]
Variables = list[dict[str, Any]]
OWNER = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u-1"}
LIVE = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "churn", "uid": "u-1"}}
GPU = {"limits": {"nvidia.com/gpu": 1, "memory": "8Gi"}}
OTHER_TOKEN = "another"  # noqa: S105
PLACES = {"POD_IP": "10.0.0.7", "RAY_CLOUD_INSTANCE_ID": "churn-w0-0"}


def worker_pod(revision: Revision) -> dict[str, Any]:
    found: dict[str, Any] = build_worker_pod(revision, WorkerPlace(revision.groups[0], 0, 0), OWNER, PodSettings())
    return cast("dict[str, Any]", found["spec"])


def containers(revision: Revision) -> dict[str, Variables]:
    """The environments of all containers that have the user's variables."""
    worker = worker_pod(revision)
    job = build_batch_job(revision, Batch("nightly", "s3://in/rows", "s3://out/1"), LIVE, PodSettings())
    return {
        "head": build_head_pod(revision, 0, OWNER, PodSettings())["spec"]["containers"][0]["env"],
        "worker": worker["containers"][0]["env"],
        "fetch": worker["initContainers"][0]["env"],
        "batch": job["spec"]["template"]["spec"]["containers"][0]["env"],
    }


def expanded(env: Variables) -> dict[str, str]:
    """The environment as the kubelet makes it: `$(NAME)` is what a variable before it has."""
    found: dict[str, str] = {}
    for each in env:
        text = each.get("value", PLACES.get(each["name"], "a value from somewhere"))
        found[each["name"]] = re.sub(r"\$\((\w+)\)", lambda m: found.get(m[1], m[0]), text)
    return found


@pytest.mark.parametrize("kind", ["head", "worker", "fetch", "batch"])
def test_variables_expand_ours_and_theirs_in_the_users_order(kind: str, make_revision: MakeRevision) -> None:
    given = [
        {"name": "NODE_ADDRESS", "value": "$(POD_IP)"},
        {"name": "LATER", "value": "$(BASE)"},
        {"name": "BASE", "value": "/data"},
        {"name": "HOME", "value": "$(BASE)/home"},
        {"name": "WHO", "value": "$(RAY_CLOUD_INSTANCE_ID) $(HOME)"},
    ]
    env = containers(make_revision(env=given))[kind]
    assert [each["name"] for each in env][-len(given) :] == [each["name"] for each in given]
    assert len({each["name"] for each in env}) == len(env)
    found = expanded(env)
    assert (found["NODE_ADDRESS"], found["LATER"]) == ("10.0.0.7", "$(BASE)")
    assert (found["HOME"], found["WHO"]) == ("/data/home", "churn-w0-0 /data/home")


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_what_nobody_else_may_set_comes_first_and_is_the_table_that_refuses_it(
    kind: str, make_revision: MakeRevision
) -> None:
    env = containers(make_revision(resources=GPU))[kind]
    assert {each["name"] for each in env[: len(FIXED_VARIABLES)]} == set(FIXED_VARIABLES)
    for name in FIXED_VARIABLES:
        with pytest.raises(ValidationError, match="the operator sets this variable itself"):
            EnvVar(name=name, value="x")


@pytest.mark.parametrize("kind", ["head", "worker", "fetch", "batch"])
def test_everything_else_of_ours_gives_way_to_the_users(kind: str, make_revision: MakeRevision) -> None:
    ours = [each["name"] for each in containers(make_revision(resources=GPU))[kind]]
    names = [name for name in ours if name not in FIXED_VARIABLES]
    assert names
    given = [{"name": name, "value": "theirs"} for name in reversed(names)]
    env = containers(make_revision(resources=GPU, env=given))[kind]
    assert env[-len(given) :] == given
    assert len(env) == len(ours)


def test_the_docs_name_what_nobody_else_may_set() -> None:
    text = DOCS.read_text()
    assert [name for name in FIXED_VARIABLES if f"`{name}`" not in text] == []


def of(kind: str, name: str, key: str) -> dict[str, Any]:
    return {"valueFrom": {kind: {"name": name, "key": key}}}


REFERRING = [
    {"name": "PASSWORD", **of("secretKeyRef", "keys", "password")},
    {"name": "PLAIN", "value": "1"},
    {"name": "LEVEL", **of("configMapKeyRef", "settings", "level")},
    {"name": "USER", **of("secretKeyRef", "keys", "user")},
    {"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
]


def test_references_are_told_by_kind_and_name(make_revision: MakeRevision) -> None:
    assert references_of(make_revision(env=REFERRING).template) == (
        Reference("Secret", "keys", ("PASSWORD", "USER")),
        Reference("ConfigMap", "settings", ("LEVEL",)),
    )
    whole = [{"prefix": "DB_", "secretRef": {"name": "db"}}, {"configMapRef": {"name": "settings"}}]
    assert references_of(make_revision(env=REFERRING, envFrom=whole).template)[1:] == (
        Reference("ConfigMap", "settings", ("LEVEL", "EAGLERAY_REFERENCE_1_*")),
        Reference("Secret", "db", ("EAGLERAY_REFERENCE_0_*",)),
    )


def test_the_last_init_container_sees_the_references_and_nothing_else(make_revision: MakeRevision) -> None:
    spec = worker_pod(make_revision(env=REFERRING, resources=GPU))
    assert [c["name"] for c in spec["initContainers"]] == ["fetch", "references"]
    told = spec["initContainers"][-1]
    assert told["args"] == ["PASSWORD,USER", "LEVEL"]
    assert [e["name"] for e in told["env"]] == ["RAY_AUTH_TOKEN", "PASSWORD", "LEVEL", "USER"]
    assert "nvidia.com/gpu" not in told["resources"]["limits"] | told["resources"]["requests"]
    assert "references" not in str(worker_pod(make_revision(env=[{"name": "A", "value": "1"}]))["initContainers"])


def test_whole_secrets_are_told_apart_by_prefixes_of_their_own(make_revision: MakeRevision) -> None:
    whole = [{"prefix": "DB_", "secretRef": {"name": "db", "optional": True}}, {"configMapRef": {"name": "settings"}}]
    told = worker_pod(make_revision(envFrom=whole))["initContainers"][-1]
    assert told["args"] == ["EAGLERAY_REFERENCE_0_*", "EAGLERAY_REFERENCE_1_*"]
    assert told["envFrom"] == [
        {"prefix": "EAGLERAY_REFERENCE_0_", "secretRef": {"name": "db", "optional": True}},
        {"prefix": "EAGLERAY_REFERENCE_1_", "configMapRef": {"name": "settings"}},
    ]


def digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **variables: str | None) -> list[str]:
    values: dict[str, str | None] = {"RAY_AUTH_TOKEN": "t", "PASSWORD": "hunter2", "USER": "me", "LEVEL": "low"}
    for name, value in (values | variables).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["-c", "PASSWORD,USER", "LEVEL", "WHOLE_*"])
    main(tmp_path / "log")
    return (tmp_path / "log").read_text().split()


def test_equal_values_are_told_alike_and_others_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = digests(tmp_path, monkeypatch)
    assert len(first) == 3
    assert digests(tmp_path, monkeypatch) == first
    for changed in ({"PASSWORD": "hunter3"}, {"USER": None}, {"PASSWORD": "me", "USER": "hunter2"}):
        other = digests(tmp_path, monkeypatch, **changed)
        assert (other[0] != first[0], other[1:]) == (True, first[1:])
    one = digests(tmp_path, monkeypatch, WHOLE_a="1", WHOLE_b="2")
    for a, b in (("1", "3"), ("2", "1"), ("1", None)):
        other = digests(tmp_path, monkeypatch, WHOLE_a=a, WHOLE_b=b)
        assert (other[:2], other[2] != one[2]) == (first[:2], True)
    assert digests(tmp_path, monkeypatch, WHOLE_a="1", WHOLE_b="2") == one
    # Who has not the token cannot try values out.
    assert not set(digests(tmp_path, monkeypatch, RAY_AUTH_TOKEN=OTHER_TOKEN)) & set(first)


def test_it_runs_as_the_pod_runs_it(make_revision: MakeRevision, tmp_path: Path) -> None:
    """In any image with Python: what that image sets up for Python is left out."""
    (tmp_path / "hmac.py").write_text("raise SystemExit(9)")
    told = worker_pod(make_revision(env=REFERRING))["initContainers"][-1]
    log = tmp_path / "log"
    script = told["command"][-1].replace("/dev/termination-log", str(log))
    env = {"RAY_AUTH_TOKEN": "t", "PASSWORD": "a", "PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, *told["command"][1:-1], script, *told["args"]], env=env, check=True, timeout=60)
    assert re.fullmatch(r"[0-9a-f]{8} [0-9a-f]{8}", log.read_text())


def of_worker(revision: Revision) -> dict[str, str | None]:
    """A worker's variables that have a value of their own."""
    return {each["name"]: each.get("value") for each in worker_pod(revision)["containers"][0]["env"]}


def test_an_app_runs_as_ray_means_it_and_our_server_as_it_was_written(make_revision: MakeRevision) -> None:
    app, model = of_worker(make_revision(app={"importPath": "a:b"})), of_worker(make_revision())
    switches = {name: value for name, value in app.items() if name.startswith("RAY_SERVE_")}
    # Nothing but what direct ingress needs, and bounds that are none: a new one belongs into docs/adr/0025.
    assert switches.keys() == {
        "RAY_SERVE_ENABLE_HA_PROXY",
        "RAY_SERVE_ENABLE_DIRECT_INGRESS",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S",
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT",
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT",
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT",
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT",
        "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S",
        "RAY_SERVE_PORT_QUARANTINE_S",
        "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH",
        "RAY_SERVE_USER_HEALTH_CHECK_PROBE_TIMEOUT_S",
    }
    assert int(switches["RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH"] or 0) >= 2**31 - 1
    assert model["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    env = [{"name": "RAY_SERVE_THROUGHPUT_OPTIMIZED", "value": "1"}]
    assert of_worker(make_revision(app={"importPath": "a:b"}, env=env))["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
