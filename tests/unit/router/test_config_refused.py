"""What no router may run is refused where it is put together."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.actions.router_config import (
    SLOTS,
    Hold,
    InvalidRouterConfigError,
    RouterConfig,
    RouterLane,
    RouterMirror,
    Share,
)
from unit.router.test_config import BETA, CANDIDATE, CONFIG, MIRROR, STABLE


def test_a_hold_without_a_holder_is_refused() -> None:
    with pytest.raises(InvalidRouterConfigError, match="on hold, and there is no holder"):
        replace(CONFIG, targets=(replace(STABLE, hold=Hold(1, 1, 1)), *CONFIG.targets[1:]))


@given(st.lists(st.integers(-5, SLOTS + 5) | st.sampled_from([0, 2500, 5000, SLOTS]), max_size=4))
def test_shares_that_do_not_add_up_are_refused(slots: list[int]) -> None:
    shares = tuple(Share(CANDIDATE.revision, n) for n in slots)
    lanes = (RouterLane("v1", shares),)
    if all(n > 0 for n in slots) and sum(slots) in {0, SLOTS}:
        assert RouterConfig("m", "ns", (CANDIDATE,), split=shares, lanes=lanes).split == shares
        return
    with pytest.raises(InvalidRouterConfigError, match="split: shares must be above 0 and sum up to 10000"):
        RouterConfig("m", "ns", (CANDIDATE,), split=shares)
    with pytest.raises(InvalidRouterConfigError, match="lanes: version 'v1': shares must be"):
        RouterConfig("m", "ns", (CANDIDATE,), lanes=lanes)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"targets": (CANDIDATE, CANDIDATE)}, "more than once"),
        ({"split": (Share("m-x", SLOTS),)}, "split: revision 'm-x' is no target"),
        ({"lanes": (RouterLane("v1", (Share("m-x", SLOTS),)),)}, "lanes: version 'v1': revision 'm-x' is no target"),
        ({"mirror": RouterMirror("m-x", 1)}, "mirror: revision 'm-x' is no target"),
        ({"targets": (STABLE,), "mirror": RouterMirror(STABLE.revision, 1)}, "has no room for copies"),
        ({"targets": (replace(CANDIDATE, fallback="m-x"),)}, "targets: 'm-x' is no other revision of version 'v1'"),
        ({"targets": (replace(STABLE, fallback=STABLE.revision),)}, "is no other revision of version 'v1'"),
        ({"targets": (STABLE, replace(MIRROR, fallback=STABLE.revision))}, "no other revision of version 'v2'"),
        ({"rules": (BETA,)}, "rules: version 'v1' has no lane"),
        ({"request_timeout": -1}, "request_timeout"),
        ({"max_request_bytes": 0}, "max_request_bytes"),
        ({"max_header_bytes": 10_000}, "max_header_bytes"),
        ({"max_headers": 0}, "max_headers"),
    ],
)
def test_what_no_router_may_run_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRouterConfigError, match=message):
        replace(RouterConfig("m", "ns"), **changed)
