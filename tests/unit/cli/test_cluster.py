"""Writing beside others, and finding the API server as kubectl does."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from eagleray.cli import verbs
from eagleray.cli.cluster import ATTEMPTS, Cluster, Target, connect
from eagleray.cli.errors import CliError
from unit.cli.cluster import Server
from unit.cli.objects import NEW, manifest, rollout

PAUSE, ABORT = "eagleray.dev/pause", "eagleray.dev/abort"


async def test_a_verb_writes_its_annotation_alone() -> None:
    server = Server(manifest(rollout(), annotations={"team": "a"}))
    says = await Cluster(server, "shop").ask("churn", lambda d: verbs.pause(d, None))
    assert says.startswith(f"{NEW} stays at 5%")
    assert server.patches == [{"metadata": {"resourceVersion": "1", "annotations": {PAUSE: f"{NEW}/1"}}}]
    assert server.annotations == {"team": "a", PAUSE: f"{NEW}/1"}


async def test_the_last_item_takes_the_annotation_along() -> None:
    server = Server(manifest(rollout(), annotations={PAUSE: f"{NEW}/1"}))
    await Cluster(server, "shop").ask("churn", lambda d: verbs.resume(d, None))
    assert server.annotations == {}


async def test_what_is_asked_for_already_is_not_written() -> None:
    server = Server(manifest(rollout(), annotations={PAUSE: f"{NEW}/1"}))
    await Cluster(server, "shop").ask("churn", lambda d: verbs.pause(d, None))
    assert server.patches == []


async def test_what_another_wrote_meanwhile_is_kept() -> None:
    server = Server(manifest(rollout()))
    server.meanwhile = [{PAUSE: "churn-v2-0/1"}, {ABORT: "churn-v2-0/1"}]
    await Cluster(server, "shop").ask("churn", lambda d: verbs.pause(d, None))
    assert server.annotations == {PAUSE: f"churn-v2-0/1,{NEW}/1", ABORT: "churn-v2-0/1"}


async def test_an_object_that_does_not_stop_changing() -> None:
    server = Server(manifest(rollout()))
    server.meanwhile = [{"n": str(n)} for n in range(ATTEMPTS)]
    with pytest.raises(CliError, match=f"changed by others {ATTEMPTS} times"):
        await Cluster(server, "shop").ask("churn", lambda d: verbs.pause(d, None))
    assert server.patches == []


async def test_a_status_of_another_operator() -> None:
    server = Server(manifest(versions=[{"name": "v1", "weight": 1000}]))
    with pytest.raises(CliError, match="1 fields in the status of shop/churn are unknown"):
        await Cluster(server, "shop").model("churn")


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    def context(name: str, **fields: str) -> dict[str, Any]:
        return {"name": name, "context": {"cluster": "c", "user": "u", **fields}}

    path = tmp_path / "config"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [context("bare"), context("shop", namespace="shop")],
        "current-context": "shop",
    }
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.parametrize(
    ("target", "namespace"),
    [
        ({}, "shop"),
        ({"namespace": "other"}, "other"),
        ({"context": "bare"}, "default"),
        ({"context": "bare", "namespace": "other"}, "other"),
    ],
)
async def test_namespace(
    target: dict[str, str], namespace: str, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    async with connect(Target(**target)) as cluster:  # type: ignore[arg-type]
        assert cluster.namespace == namespace


async def test_a_named_kubeconfig_wins(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    async with connect(Target(kubeconfig=kubeconfig)) as cluster:
        assert cluster.namespace == "shop"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (Target(kubeconfig=Path("/nowhere")), "there is no kubeconfig at /nowhere; write --kubeconfig"),
        (Target(context="moon"), "name moon in .*; `kubectl config get-contexts` lists"),
    ],
)
async def test_no_such_cluster(target: Target, why: str, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    with pytest.raises(CliError, match=why):
        async with connect(target):
            pass
