"""What a comparer and a holder say, read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from eagleray.domain.status.mirror import MAX_SAMPLES
from eagleray.peers.comparisons import MOST_MIRRORS, parse_comparisons
from eagleray.peers.held import parse_held
from eagleray.peers.shape import ShapeError

SAMPLE = {
    "at": 1795446872.5,
    "method": "POST",
    "url": "/v1",
    "revision": "m-a",
    "path": "predictions[1]",
    "user": '"label"',
    "mirror": '"other"',
    "requestBody": None,
    "userBody": "\x1b[31m{}",
    "mirrorBody": "é" * 5000,
}
MIRROR = {
    "revision": "m-b",
    "compared": 10,
    "agreed": 9,
    "failed": 1,
    "skipped": {"too large": 2, "compressed": 1},
    "userSeconds": 0.5,
    "mirrorSeconds": 1,
    "samples": [SAMPLE],
}


def report(**mirror: Any) -> bytes:
    return json.dumps({"mirrors": [MIRROR | mirror]}).encode()


def test_comparisons() -> None:
    (found,) = parse_comparisons(report())
    assert (found.revision, found.compared, found.agreed, found.failed, found.skipped) == ("m-b", 10, 9, 1, 3)
    assert (found.user_seconds, found.mirror_seconds) == (0.5, 1.0)
    (sample,) = found.samples
    assert sample.at == datetime.fromtimestamp(1795446872, UTC)
    assert (sample.request_body, sample.user_body, sample.mirror_body) == (None, "{}", "é" * 1024)


def test_of_many_samples_the_last_are_read() -> None:
    samples = [SAMPLE | {"url": str(n)} for n in range(100)]
    (found,) = parse_comparisons(report(samples=samples))
    assert [s.url for s in found.samples] == [str(n) for n in range(100 - MAX_SAMPLES, 100)]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        json.dumps({"mirrors": [MIRROR] * (MOST_MIRRORS + 1)}).encode(),
        report(compared="10"),
        report(skipped=[1]),
        report(samples=[SAMPLE | {"at": "now"}]),
        report(samples=[SAMPLE | {"url": None}]),
        report(revision=None),
    ],
)
def test_what_is_no_report_is_refused(body: bytes) -> None:
    with pytest.raises(ShapeError):
        parse_comparisons(body)


def test_held() -> None:
    assert parse_held(b'{"held": {"m-a": 3}}') == {"m-a": 3}


@pytest.mark.parametrize("body", [b"{}", b'{"held": [1]}', b'{"held": {"a": "1"}}', b'{"held": {"a": -1}}', b"null"])
def test_what_is_no_word_of_a_holder_is_refused(body: bytes) -> None:
    with pytest.raises(ShapeError):
        parse_held(body)
