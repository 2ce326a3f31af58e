"""`batch`: which Job it makes, what it refuses, and what it shows until the Job ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eagleray.cli import batch, plugin
from eagleray.cli.cluster import Cluster, Target
from eagleray.kube.errors import TransientError
from eagleray.kube.kinds import JOB, POD, Manifest, Ref
from eagleray.resources.pod import PodSettings
from fakes.kube import FakeKube
from unit.cli.objects import OLD, ago, manifest, version

PLACES = ["--input", "s3://in/rows", "--output", "s3://out/1"]
SEVERAL = {"framework": "sklearn", "models": [{"name": "a", "uri": "pvc://models/a/1"}]}
Typed = Callable[..., Result]


def content(**template: Any) -> Manifest:
    model = {"framework": "sklearn", "uri": "pvc://models/churn/1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": OLD, "namespace": "shop"},
        "data": {"image": "eagleray/sklearn:1", "template": template or {"model": model}},
    }


def router() -> Manifest:
    told = {"eagleray.dev/pod-settings": PodSettings("Never", ("pull",)).text()}
    meta = {"name": "churn-router", "namespace": "shop", "annotations": told}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta}


def owned(live: Manifest) -> Manifest:
    live["metadata"]["uid"] = "u-1"
    return live


@pytest.fixture
def server() -> FakeKube:
    return FakeKube(owned(manifest()), content(), router())


@pytest.fixture
def typed(server: FakeKube, monkeypatch: pytest.MonkeyPatch) -> Typed:
    @asynccontextmanager
    async def connect(_target: Target) -> AsyncIterator[Cluster]:
        yield Cluster(server, "shop")

    monkeypatch.setattr(plugin, "connect", connect)
    return lambda *words: CliRunner().invoke(plugin.app, ["batch", *words])


def jobs(server: FakeKube) -> list[Manifest]:
    return [found for ref, found in server.objects.items() if ref.kind == JOB]


def ended(server: FakeKube, kind: str, message: str = "") -> None:
    (job,) = jobs(server)
    job["status"] = {"conditions": [{"type": kind, "status": "True", "message": message}]}


def test_the_stable_revision_answers(typed: Typed, server: FakeKube) -> None:
    done = typed("churn", *PLACES, "--no-follow", "--on-error", "skip", "--parallelism", "2", "--columns", "a,b")
    assert (done.exit_code, done.stderr) == (0, "")
    (job,) = jobs(server)
    assert done.stdout == f"Job shop/{job['metadata']['name']}\n"
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("eagleray/sklearn:1", "Never")
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    args = container["args"]
    told = {name: args[args.index(name) + 1] for name in ("--revision", "--on-error", "--columns", "--parallelism")}
    assert told == {"--revision": OLD, "--on-error": "skip", "--columns": "a,b", "--parallelism": "2"}


def test_asking_twice_makes_one_job(typed: Typed, server: FakeKube) -> None:
    assert [typed("churn", *PLACES, "--no-follow").exit_code for _ in range(2)] == [0, 0]
    assert len(jobs(server)) == 1


@pytest.mark.parametrize(("kind", "words"), [("Complete", "is complete"), ("Failed", "has failed: row 3")])
def test_asking_for_a_job_that_has_ended(kind: str, words: str, typed: Typed, server: FakeKube) -> None:
    typed("churn", *PLACES, "--no-follow", "--name", "nightly")
    ended(server, kind, "row 3")
    done = typed("churn", *PLACES, "--name", "nightly")
    assert done.exit_code == 1
    assert words in done.stderr
    assert "`kubectl delete job nightly -n shop`" in done.stderr


def test_a_name_that_is_taken(typed: Typed) -> None:
    typed("churn", *PLACES, "--no-follow", "--name", "nightly")
    done = typed("churn", "--input", "s3://in/other", "--output", "s3://out/2", "--name", "nightly")
    assert done.stderr == "Error: Job shop/nightly is there already, and does something else; choose another --name\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mill", *PLACES], "ModelDeployment shop/mill is not there; `kubectl get modeldeployments -A` lists all"),
        (["churn", *PLACES, "--version", "v9"], "shop/churn has no version v9; its versions: default"),
        (["churn", "--input", "rows.csv", "--output", "s3://out/1"], "--input rows.csv: write one of pvc://"),
        (["churn", "--input", "oci://in/rows", "--output", "s3://out/1"], "--input oci://in/rows: write one of"),
        (["churn", "--input", "s3://in", "--output", "hf://out/1"], "--output hf://out/1: write one of pvc://"),
        (["churn", "--input", "s3://in", "--output", "file:///out"], "--output file:///out: write one of pvc://"),
        (["churn", "--input", "https://me:x@in/a", "--output", "s3://out/1"], "--input: everybody could read a user"),
    ],
)
def test_what_is_refused(words: list[str], message: str, typed: Typed, server: FakeKube) -> None:
    done = typed(*words)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {message}")
    assert jobs(server) == []


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([manifest(versions=[version(stable=None)]), content(), router()], "no revision of shop/churn has served yet"),
        ([manifest(versions=[version("a"), version("b")]), content(), router()], "has several versions (a, b)"),
        ([manifest(), content(app={"importPath": "a:b"}), router()], "serves an application; only a saved model"),
        ([manifest(), content(model=SEVERAL), router()], "several models (spec.model.models); only a single one"),
        ([manifest(), router()], f"ControllerRevision shop/{OLD} is not there"),
        ([manifest(), content(), {**router(), "metadata": {"name": "churn-router", "namespace": "shop"}}], "plugin"),
    ],
    ids=["not served", "several versions", "application", "several models", "no content", "another operator"],
)
def test_what_cannot_answer(objects: list[Manifest], message: str, typed: Typed, server: FakeKube) -> None:
    server.objects = dict(FakeKube(owned(objects[0]), *objects[1:]).objects)
    done = typed("churn", *PLACES)
    assert done.exit_code == 1
    assert message in done.stderr


def pod_of(job: str) -> Manifest:
    carried = {"batch.kubernetes.io/job-name": job}
    meta = {"name": f"{job}-x", "namespace": "shop", "labels": carried, "creationTimestamp": ago(minutes=1)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta}


async def followed(server: FakeKube, *looks: Callable[[], None]) -> tuple[str | None, list[str]]:
    """What is shown of the Job `nightly`, of which one more look is true at each pause."""
    shown: list[str] = []
    left = list(looks)

    async def pause(_seconds: float) -> None:
        left.pop(0)()

    return await batch.follow(Cluster(server, "shop"), "nightly", shown.append, pause), shown


def test_progress_is_shown_once_and_to_the_end(typed: Typed, server: FakeKube) -> None:
    typed("churn", *PLACES, "--no-follow", "--name", "nightly")
    place = Ref(POD, "shop", "nightly-x")

    def begin() -> None:
        server.objects[place] = pod_of("nightly")

    def print_() -> None:
        server.logs[place] = "2026-01-01T00:00:01Z 1 of 2 parts\n"

    def lose() -> None:
        server.fail["get"] = [TransientError("no answer")]

    def end() -> None:
        server.logs[place] += "2026-01-01T00:00:02Z 2 of 2 parts\n"
        ended(server, "Complete")

    why, shown = asyncio.run(followed(server, begin, print_, lose, end))
    assert why is None
    assert shown == ["1 of 2 parts", "Not up to date: no answer", "2 of 2 parts"]


def test_a_job_that_fails_says_why(typed: Typed, server: FakeKube) -> None:
    typed("churn", *PLACES, "--no-follow", "--name", "nightly")
    why, _ = asyncio.run(followed(server, lambda: ended(server, "Failed", "a row is refused")))
    assert why == "a row is refused"


def test_the_exit_status_is_that_of_the_job(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow(*_: Any) -> str:
        return "a row is refused"

    monkeypatch.setattr(batch, "follow", follow)
    done = typed("churn", *PLACES)
    assert done.exit_code == 1
    assert done.stderr == "Error: a row is refused; what is finished is kept: delete the Job and ask again to go on\n"
