"""Objects by something that several of them have in common."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from eagleray.kube.kinds import Ref

K = TypeVar("K", bound=Hashable)


class Index(Generic[K]):
    """Places of objects by a key, in the order in which they came; no entry is left of what has gone."""

    def __init__(self) -> None:
        self._refs: defaultdict[K, dict[Ref, None]] = defaultdict(dict)

    def add(self, key: K, ref: Ref) -> None:
        """Note that the object at `ref` has `key`."""
        self._refs[key][ref] = None

    def discard(self, key: K, ref: Ref) -> None:
        """It has it no more."""
        refs = self._refs.get(key)
        if refs is None:
            return
        refs.pop(ref, None)
        if not refs:
            del self._refs[key]

    def of(self, key: K) -> tuple[Ref, ...]:
        """The places of all that have `key`."""
        return tuple(self._refs.get(key, ()))

    def __iter__(self) -> Iterator[Ref]:
        return (ref for refs in list(self._refs.values()) for ref in list(refs))

    def __len__(self) -> int:
        return len(self._refs)
