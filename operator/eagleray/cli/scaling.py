"""What `scaling` shows: why there are as many replicas as there are, from the object's status alone."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from eagleray.api.scaling_status import ScalingChange, ScalingMetricStatus, ScalingStatus
from eagleray.api.units import format_duration
from eagleray.cli.model import Model
from eagleray.cli.words import age, columns, pairs, said

CHANGES = 10


def draw_scaling(model: Model, now: datetime) -> RenderableType:
    """Draw the last decision about each revision that is scaled.

    Args:
        model: the object.
        now: the time.
    """
    records = model.status.scaling
    if not records:
        return Text(_unscaled(model))
    return Group(*(part for record in records for part in (*_record(model, record, now), Text())))


def _unscaled(model: Model) -> str:
    if model.replicas is None:
        return "nothing is decided: spec.suspend is true, or the operator has not seen spec.autoscaling yet"
    return (
        f"no autoscaling: spec.replicas is {model.replicas}, as written, or as set by kubectl scale or by a"
        " HorizontalPodAutoscaler of your own"
    )


def _record(model: Model, record: ScalingStatus, now: datetime) -> Iterator[RenderableType]:
    version = model.version(record.version)
    candidate = version is not None and version.candidate == record.revision
    yield Text(f"{record.subject} (version {record.version}{', candidate' if candidate else ''})", "bold")
    ready = f", {version.ready_replicas} of the version answer" if version and not record.deployment else ""
    yield _indented(
        pairs(
            ("Desired", f"{record.desired} of {record.min_replicas} to {record.max_replicas}{ready}"),
            ("Decision", f"{record.reason}: {record.message}"),
            ("Sleeps", f"for {age(record.idle_since, now)}" if record.idle_since else ""),
            ("Wakes", f"for {age(record.wakes_since, now)}" if record.wakes_since else ""),
            ("Last start", format_duration(record.start_seconds) if record.start_seconds is not None else ""),
        )
    )
    if record.metrics and not record.idle_since:
        yield _indented(_metrics(record.metrics, now))
    if record.changes:
        yield _indented(_changes(record.changes[:CHANGES], now))


def _metrics(metrics: list[ScalingMetricStatus], now: datetime) -> RenderableType:
    table = columns("METRIC", "AT DECISION", "TARGET", "ASKED FOR", "*NOTE")
    for m in metrics:
        missing = f"not known in full for {age(m.missing_since, now)}" if m.missing_since else ""
        asks = "" if m.replicas is None else str(m.replicas)
        table.add_row(m.name, m.value or "unknown", m.target, asks, said("; ".join(filter(None, (missing, m.message)))))
    return table


def _changes(changes: list[ScalingChange], now: datetime) -> RenderableType:
    table = columns("CHANGED", "FROM", "TO", "*WHY")
    for change in changes:
        table.add_row(f"{age(change.at, now)} ago", str(change.from_), str(change.to), said(change.message))
    return table


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2), expand=False)
