"""A cache that is bounded in bytes."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps what was made lately, and lets go of what was asked for longest ago.

    Args:
        limit: bytes that all values may take together.
        size: how many bytes a value takes.
    """

    def __init__(self, limit: int, size: Callable[[V], int]) -> None:
        self._limit = limit
        self._size = size
        self._values: dict[K, V] = {}
        self.held = 0

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return what was made for `key`, or make it."""
        kept = self._values.pop(key, None)
        value = make() if kept is None else kept
        if kept is None:
            self.held += self._size(value)
        self._values[key] = value
        while self.held > self._limit:
            self.held -= self._size(self._values.pop(next(iter(self._values))))
        return value
