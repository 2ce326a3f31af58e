"""Records what happens to Pods while something else goes on."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .cluster import Manifest
from .deployment import ModelDeployment, name_of


@dataclass(slots=True)
class PodRecord:
    """One Pod's life, as far as it was watched.

    Attributes:
        manifest: the Pod as it was seen last.
        ready_at: when its Ready condition was first seen true.
        deleting_at: when its deletion was first seen.
        gone_at: when it was seen to be gone.
    """

    manifest: Manifest
    ready_at: datetime | None = None
    deleting_at: datetime | None = None
    gone_at: datetime | None = None


@dataclass(slots=True)
class PodHistory:
    """Every Pod of an object that was there while it was watched, by name."""

    pods: dict[str, PodRecord] = field(default_factory=dict)

    def note(self, event: str, pod: Manifest) -> None:
        """Take in one event of a watch."""
        now = datetime.now(UTC)
        record = self.pods.setdefault(name_of(pod), PodRecord(pod))
        record.manifest = pod
        conditions = pod.get("status", {}).get("conditions", [])
        if record.ready_at is None and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            record.ready_at = now
        if record.deleting_at is None and "deletionTimestamp" in pod["metadata"]:
            record.deleting_at = now
        if event == "DELETED":
            record.gone_at = now

    def deleted(self, role: str) -> list[PodRecord]:
        """The Pods of a role whose deletion was seen."""
        found = [r for r in self.pods.values() if r.deleting_at and _role(r.manifest) == role]
        return sorted(found, key=lambda r: name_of(r.manifest))

    def created_since(self, names: set[str], role: str) -> list[PodRecord]:
        """The Pods of a role that are not in `names`."""
        return [r for name, r in sorted(self.pods.items()) if name not in names and _role(r.manifest) == role]


def _role(pod: Manifest) -> str:
    return str(pod["metadata"]["labels"].get("eagleray.dev/role", ""))


@contextmanager
def watching(md: ModelDeployment) -> Iterator[PodHistory]:
    """Watch an object's Pods while the block runs."""
    history = PodHistory()
    command = md.cluster.kubectl_command(
        "get", "pods", "-n", md.namespace, "-l", md.selector, "-o", "json", "--watch", "--output-watch-events"
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    reader = threading.Thread(target=_read, args=(process, history), daemon=True)
    reader.start()
    try:
        yield history
    finally:
        process.terminate()
        process.wait(timeout=10)
        reader.join(timeout=10)


def _read(process: "subprocess.Popen[str]", history: PodHistory) -> None:
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            history.note(event["type"], event["object"])
