"""What the comparers of all router Pods found, as it stands in status."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.api.mirror_status import MirrorSample
from eagleray.domain.actions.router_config import RouterMirror
from eagleray.domain.facts.comparison import Comparison, agreement
from eagleray.domain.state.model import MirrorState, State
from eagleray.domain.status.codec import read, write
from eagleray.domain.status.mirror import MAX_SAMPLES, WRITE_SECONDS, mirror_status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(seconds=WRITE_SECONDS)
SOON = NOW + timedelta(seconds=WRITE_SECONDS - 1)
MIRROR = RouterMirror("m-v2-1", 100)


def sample(second: int) -> MirrorSample:
    at = NOW.replace(second=second)
    return MirrorSample(
        at=at, method="POST", url="/", revision="m-v1-1", path="predictions[0]", user="1", mirror=str(second)
    )


ONE = Comparison("m-v2-1", 60, 50, 1, 2, 0.6, 1.2, tuple(sample(n) for n in (1, 3, 5)))
OTHER = Comparison("m-v2-1", 40, 40, 3, 4, 0.4, 0.8, tuple(sample(n) for n in (2, 4, 6)))
OLD = Comparison("m-v2-0", 1000, 0)


def described(before: MirrorState | None = None, now: datetime = NOW) -> MirrorState | None:
    return mirror_status(MIRROR, "v2", [ONE, OLD, OTHER], before, now)


def test_the_figures_of_all_routers_on_the_mirrored_revision_are_added_up() -> None:
    said = described()
    assert said is not None
    assert (said.version, said.revision, said.at) == ("v2", "m-v2-1", NOW)
    assert (said.compared, said.agreed, said.agreement, said.failed, said.skipped) == (100, 90, "90.0%", 4, 6)
    assert (said.latency, said.mirror_latency) == ("10.0ms", "20.0ms")
    assert [s.mirror for s in said.samples] == ["6", "5", "4", "3", "2"]
    assert len(said.samples) == MAX_SAMPLES


def test_nothing_compared_is_no_agreement() -> None:
    said = mirror_status(MIRROR, "v2", [Comparison("m-v2-1", failed=3)], None, NOW)
    assert said is not None
    assert (said.compared, said.failed) == (0, 3)
    assert (said.agreement, said.latency, said.mirror_latency, said.samples) == (None, None, None, ())


@pytest.mark.parametrize(
    ("found", "now", "written"),
    [
        pytest.param([ONE], SOON, False, id="a moment after the last"),
        pytest.param([ONE], LATER, True, id="later"),
        pytest.param([ONE, OTHER], LATER, False, id="nothing new"),
        pytest.param([], LATER, False, id="no comparer answers"),
        pytest.param([OLD], LATER, False, id="only of another revision"),
    ],
)
def test_it_is_written_only_now_and_then(found: list[Comparison], now: datetime, *, written: bool) -> None:
    before = described()
    after = mirror_status(MIRROR, "v2", found, before, now)
    assert (after is not before) is written


def test_another_revision_begins_anew_at_once() -> None:
    said = mirror_status(RouterMirror("m-v2-2", 100), "v2", [ONE], described(), NOW)
    assert said == MirrorState(version="v2", revision="m-v2-2", at=NOW)


def test_while_nobody_gets_copies_the_last_words_stay() -> None:
    before = described()
    assert mirror_status(None, "v2", [ONE], before, LATER) is before
    assert mirror_status(None, "v3", [ONE], before, LATER) is None


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_agreement_is_whole_only_where_all_agree(a: int, b: int) -> None:
    agreed, compared = min(a, b), max(a, b)
    said = agreement(agreed, compared)
    assert (said is None) == (compared == 0)
    if said is not None:
        assert (said == "100.0%") == (agreed == compared)
        assert (said == "0.0%") == (agreed == 0)
        assert abs(float(said[:-1]) - 100 * agreed / compared) <= 0.1


def test_what_is_read_back_equals_what_was_written() -> None:
    said = described()
    assert said is not None
    again = read(write(State(mirror=said)).as_written()).mirror
    assert again == said
    assert mirror_status(MIRROR, "v2", [ONE, replace(OTHER)], again, LATER) is again
