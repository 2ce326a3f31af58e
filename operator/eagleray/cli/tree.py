"""The tree of `status`: versions, their revisions, and the Pods of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from eagleray.api.status import VersionStatus
from eagleray.cli.model import Model
from eagleray.cli.pods import ListedPod
from eagleray.cli.words import age, columns, marked, short_image

_ROUTER = "router"


def tree(model: Model, health: str, pods: Sequence[ListedPod], now: datetime) -> Table:
    """Draw everything that is there.

    Args:
        model: the object.
        health: the object's own status word.
        pods: every Pod of it.
        now: the time.
    """
    table = columns("NAME", "STATUS", "AGE", "*INFO")
    table.add_row(
        Text(f"⟳ {model.name}", "bold"),
        marked(health),
        age(model.created_at, now),
        f"ready:{model.status.ready}" if model.status.ready else "",
    )
    _Branches(table, model, now).add_all(pods)
    return table


class _Guide:
    """The lines in front of a row, and of those below it."""

    def __init__(self, above: str, *, last: bool) -> None:
        self.branch = f"{above}{'└──' if last else '├──'}"
        self.below = f"{above}{'   ' if last else '│  '}"


@dataclass(frozen=True, slots=True)
class _Branches:
    """What hangs below the object."""

    table: Table
    model: Model
    now: datetime

    def add_all(self, pods: Sequence[ListedPod]) -> None:
        routers = [p for p in pods if p.role == _ROUTER]
        versions = _versions(self.model, pods)
        for number, name in enumerate(versions):
            last = number + 1 == len(versions) and not routers
            self._add_version(name, pods, _Guide("", last=last))
        if routers:
            guide = _Guide("", last=True)
            self.table.add_row(f"{guide.branch} {_ROUTER}", "", "", _ready(routers))
            self._add_pods(routers, guide)

    def _add_version(self, name: str, pods: Sequence[ListedPod], guide: _Guide) -> None:
        version = self.model.version(name)
        self.table.add_row(f"{guide.branch} {name}", "", "", _version_info(version))
        revisions = _revisions(self.model, version, name, pods)
        for number, revision in enumerate(revisions):
            self._add_revision(revision, pods, _Guide(guide.below, last=number + 1 == len(revisions)))

    def _add_revision(self, name: str, pods: Iterable[ListedPod], guide: _Guide) -> None:
        record = self.model.revision(name)
        of = sorted((p for p in pods if p.revision == name), key=lambda p: (p.role, p.name))
        workers = [p for p in of if p.role == "worker"]
        self.table.add_row(
            f"{guide.branch} ⧉ {name}",
            marked((record.outcome if record else None) or "Unknown"),
            age(record.created_at if record else None, self.now),
            f"{_revision_info(self.model, name)} {_ready(workers)}".strip(),
        )
        self._add_pods(of, guide)

    def _add_pods(self, pods: Sequence[ListedPod], guide: _Guide) -> None:
        for number, pod in enumerate(pods):
            line = _Guide(guide.below, last=number + 1 == len(pods))
            restarts = f"restarts:{pod.restarts}" if pod.restarts else ""
            info = filter(None, (pod.role, f"ready:{pod.ready}/{pod.containers}", restarts, pod.node))
            row = f"{line.branch} □ {pod.name}", marked(pod.status), age(pod.created_at, self.now)
            self.table.add_row(*row, " ".join(info))


def _versions(model: Model, pods: Iterable[ListedPod]) -> list[str]:
    """Versions of the object, and those that are gone from it while they still have Pods."""
    known = [v.name for v in model.status.versions]
    return known + sorted({p.version for p in pods if p.version} - set(known))


def _version_info(version: VersionStatus | None) -> str:
    if version is None:
        return "not in spec any more"
    shifted = "" if version.effective_weight == version.weight else f" (spec: {version.weight}%)"
    return f"weight:{version.effective_weight}%{shifted} ready:{version.ready_replicas}/{version.replicas}"


def _revisions(model: Model, version: VersionStatus | None, name: str, pods: Iterable[ListedPod]) -> list[str]:
    """Revisions that run or are to run, the stable one first; what is only remembered is not part of the tree."""
    roles = [version.stable, version.candidate] if version else []
    running = {p.revision for p in pods if p.version == name}
    ordered = [r.name for r in model.status.revisions if r.name in running]
    return list(dict.fromkeys([r for r in roles if r] + ordered + sorted(running)))


def _revision_info(model: Model, name: str) -> str:
    record = model.revision(name)
    if record is None:
        return ""
    version = model.version(record.version)
    words = [
        word
        for word, holder in (("stable", version and version.stable), ("candidate", version and version.candidate))
        if holder == name
    ]
    words += ["leaving"] if record.removing_since else []
    words += [record.uri or short_image(record.image or "")]
    return " ".join(filter(None, words))


def _ready(pods: Sequence[ListedPod]) -> str:
    return f"ready:{sum(map(_up, pods))}/{len(pods)}" if pods else ""


def _up(pod: ListedPod) -> bool:
    return pod.ready == pod.containers and pod.status == "Running"
