"""What `status` and `revisions` show: the object and its Pods at one moment, as rich renderables."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from eagleray.api.conditions import WELL, ConditionType
from eagleray.api.mirror_status import MirrorStatus
from eagleray.api.status import MetricStatus, RolloutPhase, RolloutStatus
from eagleray.api.units import format_duration
from eagleray.cli.model import Model
from eagleray.cli.pods import ListedPod
from eagleray.cli.tree import tree
from eagleray.cli.words import age, bar, columns, marked, pairs, said, short_image

# What each condition is when all is well; anything else is worth a line.
# That anybody may ask is no news.
_WELL: dict[str, str] = {
    kind: "True" if kind in WELL else "False" for kind in ConditionType if kind is not ConditionType.EXPOSED
}
_BY_CONDITION = (
    (ConditionType.STALLED, "Degraded"),
    (ConditionType.DEGRADED, "Degraded"),
    (ConditionType.PAUSED, "Paused"),
    (ConditionType.PROGRESSING, "Progressing"),
    (ConditionType.READY, "Healthy"),
)


def draw_status(model: Model, pods: Sequence[ListedPod], now: datetime, note: str = "") -> RenderableType:
    """Draw an object, its rollouts and its Pods.

    Args:
        model: the object.
        pods: its Pods.
        now: the time.
        note: a line on top, for what is wrong with the drawing itself.
    """
    status, health = model.status, health_of(model)
    parts: list[RenderableType] = [Text(note, "red")] if note else []
    parts.append(
        pairs(
            ("Name", model.name),
            ("Namespace", model.namespace),
            ("Status", marked(health)),
            ("Ready", status.ready or "no status yet"),
            ("Traffic", status.traffic or ""),
            ("Mirror", _mirror(status.mirror) if status.mirror else ""),
            ("URL", status.url or ""),
        )
    )
    if conditions := list(_conditions(model)):
        parts += [Text("Conditions:"), _indented(Group(*conditions))]
    for record in model.rollouts:
        parts += [Text(), _rollout(model, record, now)]
    return Group(*parts, Text(), tree(model, health, pods, now))


def draw_revisions(model: Model, now: datetime) -> RenderableType:
    """Draw the revisions that exist or are remembered, the newest first."""
    table = columns("NAME", "VERSION", "OUTCOME", "*IMAGE", "*URI", "CREATED", "LAST ACTIVE", "*INFO")
    for r in sorted(model.status.revisions, key=lambda r: (r.created_at, r.name), reverse=True):
        version = model.version(r.version)
        roles = {"stable": version.stable, "candidate": version.candidate, "in spec": version.wanted} if version else {}
        table.add_row(
            r.name,
            r.version,
            marked(r.outcome or "Unknown"),
            short_image(r.image or ""),
            r.uri or "",
            age(r.created_at, now),
            age(r.last_active_at, now) or "now",
            ", ".join(role for role, name in roles.items() if name == r.name),
        )
    return table


def health_of(model: Model) -> str:
    """The object's health in one word, as Argo CD would call it."""
    if not model.seen:
        return "Progressing"
    for kind, word in _BY_CONDITION:
        condition = model.status.condition(kind)
        if condition is not None and condition.status == "True":
            return word
    return "Unknown"


def _conditions(model: Model) -> Iterator[Text]:
    if not model.status.observed_generation:
        yield Text("the operator has not seen this object yet; check that it runs and watches this namespace")
    elif not model.seen:
        yield Text("spec was changed and the operator has not seen it yet; what follows is about the spec before")
    for c in model.status.conditions:
        if c.status != _WELL.get(c.type, c.status):
            yield Text.assemble((f"{c.type}={c.status} {c.reason}", "bold"), ": " if c.message else "", said(c.message))


def _mirror(mirror: MirrorStatus) -> str:
    if not mirror.compared:
        return f"{mirror.version}, no answer compared yet"
    told = f"{mirror.version} agrees in {mirror.agreement} of {mirror.compared} answers"
    took = f"{mirror.mirror_latency} each, the user's {mirror.latency}"
    beside = [f"{n} {word}" for n, word in ((mirror.failed, "failed"), (mirror.skipped, "skipped")) if n]
    return ", ".join([told, took, *beside])


def _rollout(model: Model, record: RolloutStatus, now: datetime) -> RenderableType:
    attempt = f" (attempt {record.attempt})" if record.attempt > 1 else ""
    rows = pairs(
        ("Phase", marked(record.phase)),
        ("Step", _step(model, record)),
        ("Weight", bar(record.weight)),
        ("Time left", _time_left(model, record, now)),
        ("Message", said(record.message)),
    )
    parts: list[RenderableType] = [_indented(rows)]
    if figures := [*(record.analysis or []), *(record.step_analysis or [])]:
        parts += [Text(), _indented(_analysis(figures, now))]
    return Group(Text(f"Rollout of {record.version}: {record.from_} → {record.to}{attempt}", "bold"), *parts)


def _step(model: Model, record: RolloutStatus) -> str:
    if not record.steps:
        return "none: it takes over as soon as all its replicas answer"
    if record.step >= record.steps:
        return f"{record.steps}/{record.steps}, all done"
    step = model.step(record, record.step)
    return f"{record.step + 1}/{record.steps}{f' {step.say()}' if step else ''}"


def _time_left(model: Model, record: RolloutStatus, now: datetime) -> str:
    if record.phase is RolloutPhase.ABORTED:
        return ""
    step, left = model.step(record, record.step), []
    if step is not None and (wake := step.wake(record.step_started_at)):
        left.append(f"{_until(wake.at, now)} until {wake.why}")
    if record.waiting_since is not None:
        deadline = record.waiting_since + timedelta(seconds=model.course(record).deadline)
        left.append(f"{_until(deadline, now)} of the progress deadline")
    return ", ".join(left)


def _until(end: datetime, now: datetime) -> str:
    return format_duration(max(0, round((end - now).total_seconds())))


def _analysis(figures: Sequence[MetricStatus], now: datetime) -> RenderableType:
    table = columns("METRIC", "VERDICT", "SUCCESSFUL", "FAILED", "INCONCLUSIVE", "AGE", "*MESSAGE")
    for m in figures:
        counts = (str(m.successful), str(m.failed), str(m.inconclusive))
        table.add_row(m.name, marked(m.verdict), *counts, age(m.measured_at, now), said(m.message))
    return table


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2), expand=False)
