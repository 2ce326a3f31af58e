"""How the end-to-end tests are shared out: each has a place, and pytest-xdist keeps to it."""

import ast
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from e2e import __main__ as suite
from e2e import modules
from kind.images import named

ROOT = Path(__file__).resolve().parents[3]
E2E = ROOT / "tests" / "e2e"
# What a test calls, and the image that it then needs.
CALLS = {
    r"\bknobs(_manifest)?\(": "e2e-apps",
    r"\bsquare(_manifest)?\(": "square",
    r"\bpredictor\(": "autoscaled-predictor",
}
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("tests", "operator"))}
FRAMEWORKS = ("lightgbm", "xgboost", "onnx")


def names_in(module: str) -> set[str]:
    tree = ast.parse((E2E / f"{module}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_module_has_a_place_and_every_place_a_module() -> None:
    assert set(modules.MODULES) == {path.stem for path in E2E.glob("test_*.py")}
    for (module, test), place in modules.ELSEWHERE.items():
        assert test in names_in(module), f"{module} has no {test}"
        assert place != modules.MODULES[module].place
    phases = {place.phase for place in (*modules.ELSEWHERE.values(), *(m.place for m in modules.MODULES.values()))}
    assert phases == set(modules.PHASES)


@pytest.mark.parametrize("module", modules.MODULES)
def test_a_module_names_the_images_that_it_needs(module: str) -> None:
    source, images = (E2E / f"{module}.py").read_text(), set(modules.MODULES[module].images)
    found = {image for call, image in CALLS.items() if re.search(f"given{call.replace(chr(92) + 'b', '[.]')}", source)}
    found |= {image for image in re.findall(r'images\["([\w-]+)"\]', source) if image != "sklearn"}
    found |= {
        name
        for name in re.findall(r'own_image\("([\w-]+)"[,)]', source)
        if (ROOT / "examples" / name / "Dockerfile").exists()
    }
    found |= {image for image in FRAMEWORKS if re.search(rf'\("\w+", "{image}"', source)}
    assert found <= images
    assert [image.name for image in named(images) if image.stage] in ([], ["torch-tests"])


@pytest.mark.parametrize(
    ("nodeid", "place"),
    [
        ("tests/e2e/test_square.py::test_seven_squared", modules.Place("beside", "square")),
        ("tests/e2e/test_bad_input.py::test_kubectl_refuses_and_says_why[a::b]", modules.Place("beside", "")),
        ("tests/e2e/test_rollout.py::test_without_room_for_a_surge", modules.Place("beside", modules.GPUS)),
        ("tests/golden/helm/test_chart.py::test_notes", modules.Place("beside", "")),
    ],
)
def test_places(nodeid: str, place: modules.Place) -> None:
    assert modules.place(nodeid) == place


def test_a_phase_calls_pytest_for_its_modules_alone() -> None:
    alone = suite.command("alone", 2, ["-k", "x"])
    assert "-n" not in alone
    assert {Path(word).stem for word in alone if word.endswith(".py")} == set(modules.of_phase("alone"))
    assert "test_nodes" in modules.of_phase("alone")
    assert "test_nodes" in modules.of_phase("beside")
    killed = suite.command("killed", 2, [])
    assert killed[killed.index("-n") + 1] == "2"
    assert "-n" not in suite.command("beside", 0, [])


@pytest.mark.parametrize(
    ("statuses", "status"), [([0, 0, 0], 0), ([0, 5, 5], 0), ([5, 5, 5], 5), ([0, 1, 5], 1), ([1, 2], 1), ([4, 0], 4)]
)
def test_one_phase_that_fails_is_a_failure_and_one_without_tests_is_none(statuses: list[int], status: int) -> None:
    assert suite.status(statuses) == status


TEST = """
from e2e.conftest import pytest_collection_modifyitems, pytest_configure, pytest_xdist_make_scheduler
"""
TEST = """
import pytest

@pytest.mark.parametrize("n", range(3))
def test_it(n):
    pass
"""


@pytest.fixture
def small_suite(tmp_path: Path) -> Path:
    """A suite with the names of this one, whose tests do nothing."""
    folder = tmp_path / "e2e"
    folder.mkdir()
    for module in modules.MODULES:
        extra = "".join(f"def {test}(): pass\n" for of, test in modules.ELSEWHERE if of == module)
        (folder / f"{module}.py").write_text(TEST + extra)
    return folder


def test_workers_keep_to_the_groups(small_suite: Path) -> None:
    """As pytest and pytest-xdist run it; one of pytest-xdist's own ways to group tests did nothing, silently."""
    files = [str(small_suite / f"{module}.py") for module in modules.of_phase("beside")]
    options = [word for word in suite.command("beside", 2, []) if not word.endswith(".py") and word != suite.CHART]
    here = ["-c", os.devnull, f"--rootdir={small_suite.parent}", "--import-mode=importlib", "-p", "no:cacheprovider"]
    command = [*options, "-p", "e2e.sharing", *here, *files]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=300)
    ran = re.findall(r"\[(gw\d)\] .* PASSED (\S+)", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    workers = defaultdict(set)
    for worker, nodeid in ran:
        assert modules.place(nodeid).phase == "beside"
        workers[modules.place(nodeid).group or nodeid].add(worker)
    assert {len(seen) for seen in workers.values()} == {1}, workers
    assert modules.GPUS in workers
    elsewhere = [place for place in modules.ELSEWHERE.values() if place.phase != "beside"]
    own = [m for m in modules.MODULES.values() if m.place.phase == "beside"]
    assert len(ran) == 3 * len(own) + len(modules.ELSEWHERE) - len(elsewhere)


def test_whoever_stops_the_suite_stops_its_pytest(tmp_path: Path) -> None:
    told = tmp_path / "stopped"
    pytest_like = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(told)!r}).touch(), sys.exit(1)))\n"
        "print('up', flush=True)\n"
        "time.sleep(600)"
    )
    suite_like = f"import sys; from e2e.__main__ import run; sys.exit(run([sys.executable, '-c', {pytest_like!r}]))"
    call = [sys.executable, "-c", suite_like]
    with subprocess.Popen(call, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.terminate()
    assert (process.returncode, told.exists()) == (suite.INTERRUPTED, True)
