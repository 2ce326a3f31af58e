"""The requests of an operator, as the API server's audit log has them."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

READS = frozenset({"get", "list"})
# What is no sign of work: a stream of changes, the leader's sign of life, and questions to Pods that only pass through.
_ASIDE_VERBS, _ASIDE_RESOURCES = frozenset({"watch"}), frozenset({"leases", "pods/proxy", "services/proxy"})


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests of one user in a while, watches, Leases and what passes through to Pods aside.

    Attributes:
        reads: by verb and resource, those that change nothing.
        writes: by verb and resource, the others.
    """

    reads: Counter[str]
    writes: Counter[str]

    @property
    def total(self) -> int:
        """All of them."""
        return self.reads.total() + self.writes.total()

    def __str__(self) -> str:
        """The commonest of both, for people."""
        commonest = [*self.writes.most_common(4), *self.reads.most_common(4)]
        return ", ".join(f"{count} {what}" for what, count in commonest) or "no requests"


class Audit:
    """An audit log that is read on and on.

    Args:
        path: the log.
        user: whose requests count.
    """

    def __init__(self, path: Path, user: str) -> None:
        self._path = path
        self._user = user
        self._offset = 0

    def since_last(self) -> Counted:
        """The requests since the last call."""
        counted = Counted(Counter(), Counter())
        for event in self._events():
            about = event.get("objectRef", {})
            resource = "/".join(filter(None, (about.get("resource"), about.get("subresource"))))
            if event["verb"] in _ASIDE_VERBS or resource in _ASIDE_RESOURCES:
                continue
            kind = counted.reads if event["verb"] in READS else counted.writes
            kind[f"{event['verb']} {resource or event['requestURI']}"] += 1
        return counted

    def _events(self) -> list[dict[str, Any]]:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        # A line that is being written belongs to the next time.
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        events = map(orjson.loads, whole.splitlines())
        return [e for e in events if e["user"]["username"] == self._user and e["stage"] == "ResponseComplete"]
