"""A list of one kind as it is taken into the store: page by page, with other work between them."""

from eagleray.kube.client import Listed
from eagleray.kube.held import Seen, number
from eagleray.kube.kinds import Kind
from eagleray.kube.store import Keys, Store


class Relist:
    """One list of a kind.

    Args:
        store: takes it.
        kind: the kind that is listed.
        namespace: the namespace that is listed, None for all.
    """

    def __init__(self, store: Store, kind: Kind, namespace: str | None) -> None:
        self._store = store
        self._place = kind, namespace
        self._version: int | None = None
        self._uids: set[str] | None = None

    def take(self, page: Listed) -> Keys:
        """Take the next of its pages.

        Returns:
            What is to be looked at.
        """
        keys: Keys = frozenset()
        if self._uids is None:
            self._uids = set()
            self._version = number(page.version)
            keys = self._store.begin(*self._place, self._version)
        for item in page.items:
            keys |= self._store.put(item)
        self._uids |= {seen.uid for item in page.items if (seen := Seen.of(item))}
        return keys

    def end(self) -> Keys:
        """It has no more pages: what is held, is older than it and not in it, has gone unseen.

        Returns:
            What is to be looked at.
        """
        return self._store.end(*self._place, self._version, self._uids or set())
