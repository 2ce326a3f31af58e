"""What tests wait with: images that are built behind them, and looks at the API server."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e import api, images
from e2e.cluster import Cluster, CommandError
from e2e.images import Images

OBJECT = {"kind": "ModelDeployment", "metadata": {"name": "m"}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The calls of the harness that were waited for."""
    calls: list[list[str]] = []
    monkeypatch.setattr(images, "run", lambda command, **_: calls.append(command[command.index("kind") + 1 :]))
    return calls


def test_images_are_asked_for_once(asked: list[list[str]]) -> None:
    there = Images()
    there.ensure(("square", "e2e-apps"))
    there.ensure(("square",))
    there.ensure(("square", "torch"))
    there.ensure(())
    assert asked == [["images", "eagleray-test", "square", "e2e-apps"], ["images", "eagleray-test", "torch"]]


def test_an_image_that_cannot_be_built_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise CommandError("kind images", "square cannot be built")

    there = Images()
    monkeypatch.setattr(images, "run", fails)
    with pytest.raises(CommandError, match="square cannot be built"):
        there.ensure(("square",))
    assert not there.there


def test_what_builds_behind_the_tests_ends_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all that it has started."""
    child = tmp_path / "child"
    program = "import subprocess, sys; subprocess.run(['sh', '-c', f'echo $$ > {sys.argv[1]}; exec sleep 600'])"
    monkeypatch.setattr(images, "_command", lambda names: [sys.executable, "-c", program, *names])
    monkeypatch.setattr(images, "LOG", tmp_path / "logs" / "images.log")
    builder = Images()
    builder.begin([str(child)])
    assert builder.behind is not None
    while not child.exists() or not child.read_text():
        assert builder.behind.poll() is None
    builder.end()
    assert builder.behind.returncode != 0
    while runs(int(child.read_text())):  # the signal is on its way
        time.sleep(0.01)
    builder.end()


def runs(pid: int) -> bool:
    """Whether it is there and not just waiting to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def server(monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx.Request], httpx.Response]) -> Cluster:
    client = httpx.Client(base_url="https://api", transport=httpx.MockTransport(answer))
    monkeypatch.setattr(api, "connection", lambda _: client)
    return Cluster(bin=Path("none"), kubeconfig=Path("none"), values=Path("none"), images={})


def test_objects_and_lists_are_read_without_kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path.decode())
        return httpx.Response(200, json={"items": [OBJECT]} if "?" in paths[-1] else OBJECT)

    cluster = server(monkeypatch, answer)
    assert cluster.get("modeldeployment", "m", "ns") == OBJECT
    assert cluster.list("pods", "ns", "a=b,c=d") == [OBJECT]
    assert paths == [
        "/apis/eagleray.dev/v1alpha1/namespaces/ns/modeldeployments/m",
        "/api/v1/namespaces/ns/pods?labelSelector=a%3Db%2Cc%3Dd",
    ]


def test_what_is_not_there_is_none_and_what_is_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: dict[str, Any] = {"kind": "Status", "reason": "NotFound", "details": {"name": "m"}}
    answers = [httpx.Response(404, json=gone), httpx.Response(404, text="404 page not found"), httpx.Response(403)]
    cluster = server(monkeypatch, lambda _: answers.pop(0))
    assert cluster.find("pod", "m", "ns") is None
    for status in ("404", "403"):
        with pytest.raises(CommandError, match=status):
            cluster.find("pod", "m", "ns")
