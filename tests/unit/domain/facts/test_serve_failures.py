"""Serve's messages about failures, recorded from Ray 2.60."""

import json
from pathlib import Path

import pytest

from eagleray.api.conditions import Reason
from eagleray.domain.facts.serve_failures import MAX_LINE, classify_deploy_failure, failure_line

MESSAGES: dict[str, str] = json.loads((Path(__file__).parent / "serve_messages.json").read_text())


@pytest.mark.parametrize(
    ("name", "reason", "line"),
    [
        ("nomodule", Reason.IMPORT_FAILED, "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("noattr", Reason.IMPORT_FAILED, "AttributeError: module 'bad' has no attribute 'nosuch'"),
        ("builderr", Reason.IMPORT_FAILED, "ValueError: args: threshold is missing"),
        (
            "raises",
            Reason.CONSTRUCTOR_FAILED,
            "RuntimeError: the weights do not fit: expected 3 layers, got 4",
        ),
        (
            "raises-retrying",
            Reason.CONSTRUCTOR_FAILED,
            "RuntimeError: the weights do not fit: expected 3 layers, got 4",
        ),
        ("pickled", Reason.CONSTRUCTOR_FAILED, "_pickle.UnpicklingError: invalid load key, '<'."),
        ("unhealthy", Reason.CONSTRUCTOR_FAILED, "RuntimeError: model lost its GPU"),
        (
            "nodep",
            Reason.DEPLOY_FAILED,
            "ValueError: Deployment 'Nope' does not exist. Available: ['Model']",
        ),
    ],
)
def test_real_messages(name: str, reason: Reason, line: str) -> None:
    assert classify_deploy_failure(MESSAGES[name]) is reason
    assert failure_line(MESSAGES[name]) == line


def test_want_of_memory_says_how_much_there_was() -> None:
    assert classify_deploy_failure(MESSAGES["hungry"]) is Reason.OUT_OF_MEMORY
    assert "its Pod had 0.67GB used / 0.67GB limit; raise" in failure_line(MESSAGES["hungry"])


@pytest.mark.parametrize("name", ["killed", "exits", "killed-retrying"])
def test_a_replica_that_died_without_a_word(name: str) -> None:
    assert classify_deploy_failure(MESSAGES[name]) is Reason.CONSTRUCTOR_FAILED
    assert "killed for want of memory" in failure_line(MESSAGES[name])


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_lines_are_fit_for_a_condition(name: str) -> None:
    line = failure_line(MESSAGES[name])
    assert 0 < len(line) <= MAX_LINE + 200
    assert "\x1b" not in line
    assert "\n" not in line
    assert not line.startswith(" ")


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("eagleray_serving.errors.ModelLoadError: model.pkl is no pickle", Reason.MODEL_LOAD_FAILED),
        ("ModelLoadError: model.pkl is no pickle", Reason.MODEL_LOAD_FAILED),
        ("MemoryError: Unable to allocate 8.00 GiB", Reason.OUT_OF_MEMORY),
        ("ray.exceptions.OutOfMemoryError: the node is running low on memory", Reason.OUT_OF_MEMORY),
        ("mymodel.BadWeightsError: no", Reason.CONSTRUCTOR_FAILED),
    ],
)
def test_the_exception_decides(last: str, reason: Reason) -> None:
    frames = MESSAGES["raises"].rsplit("\n", 1)[0]
    assert classify_deploy_failure(f"{frames}\n{last}") is reason


def test_an_exception_of_several_lines_is_kept_whole() -> None:
    message = 'Traceback:\n  File "app.py"\npydantic.ValidationError: 1 error\nthreshold\n  Field required\n'
    assert failure_line(message) == "pydantic.ValidationError: 1 error threshold Field required"


def test_nothing_said() -> None:
    assert failure_line("") == ""
    assert classify_deploy_failure("") is Reason.DEPLOY_FAILED
