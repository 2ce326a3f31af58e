"""What tests of shared traffic have in common: bounds of chance, and a key's place in a split."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

from eagleray.domain.actions.router_config import SLOTS, Share

SAMPLE = 3000
_99_9_PERCENT = 3.29
_MASK = 2**64 - 1
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def within(count: int, of: int, percent: float) -> bool:
    """Whether a count lies within the binomial bounds of 99.9 %."""
    p = percent / 100
    return abs(count - of * p) <= _99_9_PERCENT * math.sqrt(of * p * (1 - p)) + 0.5


async def assert_shared(sample: Callable[[], Awaitable[Mapping[str, int]]], percents: Mapping[str, float]) -> None:
    """Count until the counts are as expected: of one in a thousand right splits the first sample is not, by chance."""
    for _ in range(3):
        counts = await sample()
        assert counts.keys() <= percents.keys()
        if all(within(counts.get(name, 0), sum(counts.values()), percent) for name, percent in percents.items()):
            return
    raise AssertionError(f"{counts} is not {percents}")


def owner(split: Sequence[Share], key: str) -> str:
    """Who answers a caller with this key (shorter than 32 bytes): Envoy's hash is xxHash64."""
    place = _xxhash64(key.encode()) % SLOTS
    for share in split:
        place -= share.slots
        if place < 0:
            return share.revision
    raise AssertionError("a split has an owner for every place")


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK


def _xxhash64(data: bytes) -> int:
    assert len(data) < 32
    words, halves = len(data) // 8, len(data) % 8 // 4
    h = _P5 + len(data)
    for i in range(words):
        word = int.from_bytes(data[8 * i : 8 * i + 8], "little")
        h ^= _rotated(word * _P2 & _MASK, 31) * _P1 & _MASK
        h = (_rotated(h, 27) * _P1 + _P4) & _MASK
    if halves:
        h ^= int.from_bytes(data[8 * words : 8 * words + 4], "little") * _P1 & _MASK
        h = (_rotated(h, 23) * _P2 + _P3) & _MASK
    for byte in data[8 * words + 4 * halves :]:
        h = _rotated(h ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    for shift, factor in ((33, _P2), (29, _P3)):
        h = (h ^ h >> shift) * factor & _MASK
    return h ^ h >> 32
