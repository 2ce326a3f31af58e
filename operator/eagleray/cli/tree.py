"""The tree of `status`: versions, their revisions, and the Pods of each."""

from collections.abc import Iterable, Sequence
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
    routers = [p for p in pods if p.role == _ROUTER]
    versions = _versions(model, pods)
    for number, name in enumerate(versions):
        last = number + 1 == len(versions) and not routers
        _add_version(table, model, name, pods, now, guide=_Guide("", last=last))
    if routers:
        guide = _Guide("", last=True)
        table.add_row(f"{guide.branch} {_ROUTER}", "", "", _ready(routers))
        _add_pods(table, routers, now, guide)
    return table


class _Guide:
    """The lines in front of a row, and of those below it."""

    def __init__(self, above: str, *, last: bool) -> None:
        self.branch = f"{above}{'└──' if last else '├──'}"
        self.below = f"{above}{'   ' if last else '│  '}"


def _versions(model: Model, pods: Iterable[ListedPod]) -> list[str]:
    """Versions of the object, and those that are gone from it while they still have Pods."""
    known = [v.name for v in model.status.versions]
    return known + sorted({p.version for p in pods if p.version} - set(known))


def _add_version(
    table: Table, model: Model, name: str, pods: Sequence[ListedPod], now: datetime, *, guide: _Guide
) -> None:
    version = model.version(name)
    table.add_row(f"{guide.branch} {name}", "", "", _version_info(version))
    revisions = _revisions(model, version, name, pods)
    for number, revision in enumerate(revisions):
        _add_revision(table, model, revision, pods, now, _Guide(guide.below, last=number + 1 == len(revisions)))


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


def _add_revision(
    table: Table, model: Model, name: str, pods: Iterable[ListedPod], now: datetime, guide: _Guide
) -> None:
    record = model.revision(name)
    of = sorted((p for p in pods if p.revision == name), key=lambda p: (p.role, p.name))
    workers = [p for p in of if p.role == "worker"]
    table.add_row(
        f"{guide.branch} ⧉ {name}",
        marked((record.outcome if record else None) or "Unknown"),
        age(record.created_at if record else None, now),
        f"{_revision_info(model, name)} {_ready(workers)}".strip(),
    )
    _add_pods(table, of, now, guide)


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


def _add_pods(table: Table, pods: Sequence[ListedPod], now: datetime, guide: _Guide) -> None:
    for number, pod in enumerate(pods):
        line = _Guide(guide.below, last=number + 1 == len(pods))
        restarts = f"restarts:{pod.restarts}" if pod.restarts else ""
        info = filter(None, (pod.role, f"ready:{pod.ready}/{pod.containers}", restarts, pod.node))
        table.add_row(f"{line.branch} □ {pod.name}", marked(pod.status), age(pod.created_at, now), " ".join(info))


def _ready(pods: Sequence[ListedPod]) -> str:
    return f"ready:{sum(map(_up, pods))}/{len(pods)}" if pods else ""


def _up(pod: ListedPod) -> bool:
    return pod.ready == pod.containers and pod.status == "Running"
