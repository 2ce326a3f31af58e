from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.actions.router_config import SLOTS, Share
from eagleray.domain.traffic.slots import PIECES, resplit

REVISIONS = [f"r{i}" for i in range(8)]


@st.composite
def wanted(draw: st.DrawFn) -> dict[str, int]:
    revisions = draw(st.lists(st.sampled_from(REVISIONS), min_size=1, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, SLOTS), min_size=len(revisions) - 1, max_size=len(revisions) - 1)))
    ends = zip([0, *cuts], [*cuts, SLOTS], strict=True)
    return dict(zip(revisions, (end - start for start, end in ends), strict=True))


@st.composite
def splits(draw: st.DrawFn, pieces: int = 20) -> tuple[Share, ...]:
    """Any split, neighbours of one revision and all."""
    cuts = sorted(draw(st.sets(st.integers(1, SLOTS - 1), max_size=pieces - 1)))
    ends = zip([0, *cuts], [*cuts, SLOTS], strict=True)
    return tuple(Share(draw(st.sampled_from(REVISIONS)), end - start) for start, end in ends)


def owners(split: tuple[Share, ...]) -> list[str]:
    """The callers' view: who answers at each place, that is for each value of a key's hash % SLOTS."""
    return [share.revision for share in split for _ in range(share.slots)]


def owned(split: tuple[Share, ...]) -> dict[str, int]:
    line = owners(split)
    return {revision: line.count(revision) for revision in set(line)}


@given(splits(), wanted())
def test_the_new_split_is_as_wanted_and_joined(before: tuple[Share, ...], goal: dict[str, int]) -> None:
    after = resplit(before, goal)
    assert owned(after) == {revision: slots for revision, slots in goal.items() if slots}
    assert all(left.revision != right.revision for left, right in pairwise(after))


@given(splits(), wanted())
def test_only_those_move_who_must(before: tuple[Share, ...], goal: dict[str, int]) -> None:
    after = resplit(before, goal)
    had = owned(before)
    moved = [(old, new) for old, new in zip(owners(before), owners(after), strict=True) if old != new]
    assert len(moved) == sum(max(0, slots - goal.get(revision, 0)) for revision, slots in had.items())
    assert not [old for old, _ in moved if goal.get(old, 0) >= had[old]]
    assert not [new for _, new in moved if goal[new] <= had.get(new, 0)]


@given(splits(), wanted())
def test_the_same_again_changes_nothing(before: tuple[Share, ...], goal: dict[str, int]) -> None:
    after = resplit(before, goal)
    assert resplit(after, goal) == after == resplit(before, goal)


@given(wanted())
def test_the_first_split_is_in_the_order_of_what_is_wanted(goal: dict[str, int]) -> None:
    assert resplit((), goal) == tuple(Share(revision, slots) for revision, slots in goal.items() if slots)


@given(splits(), st.sampled_from(REVISIONS))
def test_a_revision_that_takes_over_anothers_share_takes_its_places(before: tuple[Share, ...], gone: str) -> None:
    heir = {revision: "new" if revision == gone else revision for revision in owned(before)}
    after = resplit(before, {heir[revision]: slots for revision, slots in owned(before).items()})
    assert owners(after) == [heir[revision] for revision in owners(before)]


@given(st.lists(st.integers(0, 10), min_size=1, max_size=12))
def test_a_canary_that_goes_forth_and_back_leaves_no_trace(steps: list[int]) -> None:
    first = split = resplit((), {"stable": 6000, "other": 4000})
    for step in steps:
        split = resplit(split, {"stable": 6000 - 600 * step, "canary": 600 * step, "other": 4000})
        assert len(split) <= 3
    assert resplit(split, {"stable": 6000, "other": 4000}) == first


@given(st.lists(wanted(), max_size=12))
def test_a_history_of_changes_stays_in_few_pieces(goals: list[dict[str, int]]) -> None:
    split: tuple[Share, ...] = ()
    for goal in goals:
        split = resplit(split, goal)
        assert len(split) <= 4 * len(REVISIONS)


def test_a_newcomer_takes_his_share_where_two_others_meet() -> None:
    before = (Share("a", 5000), Share("b", 5000))
    after = (Share("a", 4000), Share("c", 2000), Share("b", 4000))
    assert resplit(before, {"a": 4000, "b": 4000, "c": 2000}) == after


@pytest.mark.parametrize("goal", [{"a": 5000, "b": 5000}, {"a": 4999, "b": 4999, "c": 2}])
def test_a_split_in_too_many_pieces_is_put_together_anew(goal: dict[str, int]) -> None:
    crumbs = 2 * (PIECES // 2 + 1)
    before = [Share("ab"[i % 2], SLOTS // crumbs) for i in range(crumbs)]
    rest = SLOTS - sum(s.slots for s in before)
    after = resplit([*before, Share("b", rest)], goal)
    assert len(after) == len(goal)
    assert owned(after) == goal
    assert [s.revision for s in after if s.revision != "c"] == ["a", "b"]


@pytest.mark.parametrize(
    ("before", "goal"),
    [
        ((), {}),
        ((), {"a": SLOTS - 1}),
        ((), {"a": SLOTS + 1, "b": -1}),
        ((Share("a", SLOTS - 1),), {"a": SLOTS}),
    ],
)
def test_what_does_not_sum_up_is_refused(before: tuple[Share, ...], goal: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="sum up to 10000"):
        resplit(before, goal)
