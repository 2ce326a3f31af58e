"""What the harness decides; what it runs is tested by running it."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from kind import cache, chart, demo, machine, shell, toolchain
from kind.progress import HarnessError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EAGLERAY_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "version"),
    [("go version go1.26.8 linux/amd64", (1, 26)), ("go version devel go1.27-abc", (1, 27)), ("", (0, 0))],
)
def test_go_version(text: str, version: tuple[int, int]) -> None:
    assert toolchain.go_version(text) == version


@pytest.mark.parametrize(("bounding", "lacks"), [("000001ffffffffff", False), ("000001fffeffffff", True)])
def test_missing_capabilities_are_seen(bounding: str, *, lacks: bool) -> None:
    assert machine.lacks_capabilities(f"CapEff:\t0\nCapBnd:\t{bounding}\n", 40) is lacks


def test_a_digest_sees_content_and_names_but_not_bytecode(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = cache.digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("")
    assert cache.digest(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert cache.digest(tmp_path) != before


def test_an_entry_is_made_once_and_again_if_it_was_cut_off(cache_folder: Path) -> None:
    made: list[Path] = []

    def cut_off(path: Path) -> None:
        made.append(path)
        raise HarnessError("cut off")

    with pytest.raises(HarnessError, match="cut off"):
        cache.entry("thing", ["1"], cut_off)
    path = cache.entry("thing", ["1"], made.append)
    assert cache.entry("thing", ["1"], made.append) == path
    assert made == [path, path]
    assert path.parent == cache_folder


@pytest.mark.usefixtures("cache_folder")
def test_old_entries_go_and_other_kinds_stay() -> None:
    other = cache.entry("go-thing", ["1"], lambda _: None)
    paths = [cache.entry("go", [str(n)], lambda _: None) for n in range(3)]
    assert [p.exists() for p in paths] == [False, True, True]
    assert other.exists()


@pytest.mark.usefixtures("cache_folder")
def test_a_failure_ends_what_runs_beside_it() -> None:
    started = threading.Event()

    def long() -> None:
        started.set()
        shell.run(["sleep", "600"], log="long")

    def fails() -> None:
        started.wait()
        raise HarnessError("no")

    began = time.monotonic()
    try:
        with pytest.raises(HarnessError, match="no"):
            shell.together(long, fails)
    finally:
        shell._stopping.clear()
    assert time.monotonic() - began < 300


def _model(generation: int, observed: int, status: str) -> dict[str, object]:
    ready = {"type": "Ready", "status": status, "reason": "Why", "message": "because."}
    return {"metadata": {"generation": generation}, "status": {"observedGeneration": observed, "conditions": [ready]}}


def test_the_demo_waits_for_what_the_spec_says_now() -> None:
    assert demo.readiness(_model(1, 1, "True")) == (True, "Why: because.")
    assert demo.readiness(_model(1, 1, "False")) == (False, "Why: because.")
    assert not demo.readiness(_model(2, 1, "True"))[0]
    assert not demo.readiness({"metadata": {"generation": 1}})[0]


def test_the_cluster_has_a_gpu_node_and_a_spot_node() -> None:
    control, gpu, spot = yaml.safe_load((ROOT / "kind-config.yaml").read_text())["nodes"]
    assert control["role"] == "control-plane"
    assert gpu["labels"]["nvidia.com/gpu.present"] == "true"
    join = yaml.safe_load(gpu["kubeadmConfigPatches"][0])
    assert join["nodeRegistration"]["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    assert spot["labels"] == {"karpenter.sh/capacity-type": "spot"}


def _deployment(**status: int) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}


def _pod(created: str, restarts: int) -> dict[str, Any]:
    state = {"containerStatuses": [{"restartCount": restarts}]}
    return {"kind": "Pod", "metadata": {"name": f"pod-{created}", "creationTimestamp": created}, "status": state}


ROLLED_OUT = _deployment(observedGeneration=2, replicas=2, updatedReplicas=2, readyReplicas=2)
OLD_PODS_LEFT = _deployment(observedGeneration=2, replicas=3, updatedReplicas=2, readyReplicas=2)
NOT_SEEN = _deployment(observedGeneration=1, replicas=2, updatedReplicas=2, readyReplicas=2)


@pytest.mark.parametrize(
    ("items", "outcome"),
    [
        ([], (False, "")),
        ([ROLLED_OUT], (True, "")),
        ([OLD_PODS_LEFT], (False, "")),
        ([NOT_SEEN], (False, "")),
        ([OLD_PODS_LEFT, _pod("1", 9), _pod("2", 1)], (False, "")),
        ([OLD_PODS_LEFT, _pod("1", 0), _pod("2", 2)], (False, "pod-2")),
    ],
)
def test_the_operator_is_waited_for_unless_it_crashes(items: list[dict[str, Any]], outcome: tuple[bool, str]) -> None:
    assert chart.progress(items) == outcome
