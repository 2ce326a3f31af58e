"""Each change of docs/how-to/change-the-operator.md is made in a copy of the operator, as it is written, and tried."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/change-the-operator.md"
_CHANGE = re.compile(r"^`(operator/[\w/.]+)`[^\n]*:\n\n```(python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

TRIALS = {
    "A scaling metric": """
from eagleray.api.autoscaling import ScalingMetric
from eagleray.api.crd.manifest import crd
from eagleray.domain.facts.signals import Histogram, Window
from eagleray.domain.version.scaling.metrics.table import METRICS

spec = ScalingMetric(type="GoodRequests", target="5")
seen = Window(requests=40, errors=10, latencies=Histogram(), seconds=3.0, missing=False)
load = METRICS[spec.type].load("GoodRequests", spec, None, seen)
assert (load.total, load.target, load.whole) == (10.0, 5.0, True), load
assert "GoodRequests" in str(crd())
""",
    "A rollout step": """
from simulated.cases import model, served
from simulated.cluster import play

async def case(cluster):
    rollout = {"steps": [{"setWeight": 20}, {"notBefore": "2026-01-01T00:10:00Z"}]}
    await served(cluster, rollout=rollout)
    cluster.apply("m", model=model(2), rollout=rollout)
    await cluster.until(lambda: "waits until 2026-01-01 00:10" in str(cluster.model()["status"].get("rollouts")), 120)
    await cluster.until(lambda: not cluster.model()["status"].get("rollouts") and cluster.ready(), 700)
    assert cluster.clock.now().minute >= 10

play(case)
""",
    "A child: an object that is made for each model": """
from eagleray.kube.kinds import SERVICE, Ref
from simulated.cases import served
from simulated.cluster import NAMESPACE, play

async def case(cluster):
    await served(cluster)
    ref = Ref(SERVICE, NAMESPACE, "m-endpoints")
    assert cluster.server.get(ref)["spec"]["clusterIP"] == "None"
    cluster.delete(ref)
    await cluster.until(lambda: cluster.server.find(ref) is not None, 10)

play(case)
""",
}


def sections() -> dict[str, str]:
    """The page's sections that change something, by title."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {title: text for title, text in zip(parts[::2], parts[1::2], strict=True) if _CHANGE.search(text)}


def patched(text: str, diff: str) -> str:
    """A file with a change: each run of lines that go or stay is found once; `+` lines take the place of what goes."""
    for run in re.findall(r"((?:^[ -].*\n)*)((?:^\+.*\n)*)((?:^ .*\n)*)", diff, flags=re.MULTILINE):
        gone, come, stays = ("".join(line[1:] + "\n" for line in part.splitlines()) for part in run)
        if gone or come or stays:
            assert text.count(gone + stays) == 1, f"{gone + stays!r} is not there once"
            text = text.replace(gone + stays, come + stays)
    return text


def change(root: Path, text: str) -> None:
    """Make the changes of a section."""
    for name, kind, body in _CHANGE.findall(text):
        file = root / name
        assert file.exists() == (kind == "diff"), file
        file.write_text(patched(file.read_text(), body) if kind == "diff" else body)


def test_every_change_has_a_trial() -> None:
    assert sections().keys() == TRIALS.keys()


@pytest.mark.parametrize("title", TRIALS)
def test_a_change_as_it_is_written(title: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "operator", tmp_path / "operator", ignore=shutil.ignore_patterns("__pycache__"))
    change(tmp_path, sections()[title])
    paths = [tmp_path / "operator", ROOT / "model_images/serving", ROOT / "model_images/router", ROOT / "tests"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    tried = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRIALS[title]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr[-3000:]
