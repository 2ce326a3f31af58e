import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from eagleray.runtime import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging is global state; what pytest had set up is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    logs.configure("INFO", stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_what_is_bound(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(key="ns/churn", revision="churn-default-1"):
        structlog.get_logger("eagleray.x").info("Created Pod", pod="p")
    (line,) = lines(stream)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "msg": "Created Pod",
        "logger": "eagleray.x",
        "key": "ns/churn",
        "revision": "churn-default-1",
        "pod": "p",
    }


def test_libraries_write_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("kopf.reactor").warning("watch of %s failed", "pods")
    (line,) = lines(stream)
    assert (line["level"], line["logger"], line["msg"]) == ("warning", "kopf.reactor", "watch of pods failed")


def test_kopf_is_silent_about_every_event(stream: io.StringIO) -> None:
    logging.getLogger("kopf.objects").info("Handler 'primary' succeeded.")
    assert lines(stream) == []


def test_an_exception_stays_on_one_line(stream: io.StringIO) -> None:
    try:
        int("defect")
    except ValueError:
        structlog.get_logger("eagleray.x").exception("Reconcile crashed")
    (line,) = lines(stream)
    assert "ValueError: invalid literal" in line["exception"]


def test_lower_levels_are_not_written(stream: io.StringIO) -> None:
    structlog.get_logger("eagleray.x").debug("details")
    assert lines(stream) == []


@pytest.mark.parametrize("given", ["a\x1b]0;title\x07\u202e\x9b2Jb", Exception("a\x1b[2J\u2066b")])
def test_no_line_has_what_a_terminal_acts_on(stream: io.StringIO, given: object) -> None:
    structlog.get_logger("eagleray.x").info(str(given), error=given, inside={"some": [given]}, count=1, none=None)
    logging.getLogger("kopf.reactor").warning("said %s", given)
    first, second = lines(stream)
    assert (first["msg"], first["error"], first["inside"]) == ("ab", "ab", {"some": ["ab"]})
    assert (first["count"], first["none"]) == (1, None)
    assert second["msg"] == "said ab"
