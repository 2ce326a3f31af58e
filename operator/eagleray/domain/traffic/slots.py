"""Which revision answers which callers: a split as places on a line, changed so that the fewest callers move."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from eagleray.domain.actions.router_config import SLOTS, Share

# Status and the router's file keep every piece. Two hundred random changes between six revisions make 18 of them,
# between twenty 59.
PIECES = 64


def resplit(before: Sequence[Share], wanted: Mapping[str, int]) -> tuple[Share, ...]:
    """Change a split, with as few places changing their owner as the numbers allow.

    A revision that loses nothing keeps every place; the places that change their owner are exactly those that some
    revision has too many of. Among the ways to do that one with few pieces is taken: a revision that takes over all of
    another's takes its very places, and others grow at the borders that they have. A split of more than `PIECES` pieces
    is put together anew, each revision's places in one piece in the order of the first of them, which moves more.

    Args:
        before: the split as it is; empty where there is none, then `wanted` says the order.
        wanted: places per revision, `SLOTS` in all; those with none are left out.

    Returns:
        The new split; neighbours in it are different revisions.

    Raises:
        ValueError: one of the two does not sum up.
    """
    _check("before", [s.slots for s in before] or [SLOTS])
    _check("wanted", list(wanted.values()))
    goal = Counter({revision: slots for revision, slots in wanted.items() if slots})
    if not before:
        return tuple(Share(*item) for item in goal.items())
    split = _joined(_replaced(before, goal))
    surplus, need = _count(split) - goal, goal - _count(split)
    while need:
        move = min(_moves(split, surplus, need), key=_Move.rank)
        split = move.applied(split)
        surplus[move.loser] -= move.slots
        need -= Counter({move.gainer: move.slots})
    return tuple(split if len(split) <= PIECES else _in_one_piece_each(split))


def _check(name: str, slots: Sequence[int]) -> None:
    if min(slots, default=0) < 0 or sum(slots) != SLOTS:
        raise ValueError(f"{name}: places must not be negative and sum up to {SLOTS}, these are {list(slots)}")


def _count(split: Sequence[Share]) -> Counter[str]:
    owned: Counter[str] = Counter()
    for share in split:
        owned[share.revision] += share.slots
    return owned


def _joined(split: Sequence[Share]) -> list[Share]:
    pieces = groupby((s for s in split if s.slots), key=lambda share: share.revision)
    return [Share(revision, sum(s.slots for s in group)) for revision, group in pieces]


def _in_one_piece_each(split: Sequence[Share]) -> list[Share]:
    return [Share(*item) for item in _count(split).items()]


def _replaced(split: Sequence[Share], goal: Mapping[str, int]) -> list[Share]:
    """The split with each revision that goes replaced by one that comes and is to have just as many places."""
    owned = _count(split)
    coming = [revision for revision in goal if revision not in owned]
    heirs: dict[str, str] = {}
    for revision, slots in owned.items():
        heir = next((c for c in coming if goal[c] == slots), None) if revision not in goal else None
        if heir:
            heirs[revision] = heir
            coming.remove(heir)
    return [Share(heirs.get(s.revision, s.revision), s.slots) for s in split]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """Places at one end of a piece (or all of it) that change from `loser` to `gainer`.

    Attributes:
        index: the piece.
        at_end: whether they are its last ones.
        slots: how many.
        loser: who has them.
        gainer: who gets them.
        pieces: how many more pieces there are after it.
        meets: whether another revision that has too many is next to them, so that more can follow there.
    """

    index: int
    at_end: bool
    slots: int
    loser: str
    gainer: str
    pieces: int
    meets: bool

    def rank(self) -> tuple[int, bool, int, int, bool]:
        return self.pieces, not self.meets, -self.slots, self.index, self.at_end

    def applied(self, split: Sequence[Share]) -> list[Share]:
        rest = Share(self.loser, split[self.index].slots - self.slots)
        moved = Share(self.gainer, self.slots)
        piece = [rest, moved] if self.at_end else [moved, rest]
        return _joined([*split[: self.index], *piece, *split[self.index + 1 :]])


def _moves(split: Sequence[Share], surplus: Mapping[str, int], need: Mapping[str, int]) -> Iterator[_Move]:
    for index, piece in enumerate(split):
        left = split[index - 1].revision if index else ""
        right = split[index + 1].revision if index + 1 < len(split) else ""
        for gainer, missing in need.items():
            slots = min(piece.slots, surplus.get(piece.revision, 0), missing)
            whole = slots == piece.slots
            ends = () if not slots else ((False, left),) if whole else ((False, left), (True, right))
            for at_end, beside in ends:
                yield _Move(
                    index=index,
                    at_end=at_end,
                    slots=slots,
                    loser=piece.revision,
                    gainer=gainer,
                    pieces=-[left, right].count(gainer) if whole else 1 - (beside == gainer),
                    meets=not whole and surplus.get(beside, 0) > 0,
                )
