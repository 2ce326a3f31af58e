"""`promote`, `pause`, `resume`, `abort` and `retry`: which annotations they write, and what happens then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eagleray.api.status import RolloutPhase, RolloutStatus
from eagleray.cli.errors import CliError
from eagleray.cli.model import Model
from eagleray.domain.goals.verbs import FULL, Verb, items_of


@dataclass(frozen=True, slots=True)
class VerbAnswer:
    """What a verb comes to.

    Attributes:
        annotations: annotations to write, None for one to remove; empty where all is as asked for.
        says: what happens next, in a sentence.
    """

    annotations: Mapping[str, str | None]
    says: str


Ask = Callable[[Model], VerbAnswer]


def promote(model: Model, version: str | None, *, full: bool) -> VerbAnswer:
    """End the present step of a rollout, or with `full` all that are left; a pause by a person ends too.

    Raises:
        CliError: there is no such rollout, it was taken back, or it waits for nobody.
    """
    record = _under_way(model, version, "promote")
    paused = model.verbs.paused(record.to, record.attempt)
    annotations = unpaused(model, record) if paused else {}
    if full or model.verbs.promoted_fully(record.to, record.attempt):
        says = f"{record.to} takes over from {record.from_} as soon as all its replicas answer; no step is waited for."
        return VerbAnswer({**annotations, **_added(model, Verb.PROMOTE, record, FULL)}, says)
    if not _promotable(model, record):
        if paused:
            return VerbAnswer(annotations, f"{_now_at(model, record)} goes on.")
        raise CliError(f"nothing to promote: {_now_at(model, record)} goes on by itself{_because(record)}")
    item = _added(model, Verb.PROMOTE, record, str(record.step))
    return VerbAnswer({**annotations, **item}, _promoted(model, record))


def pause(model: Model, version: str | None) -> VerbAnswer:
    """Hold a rollout where it is.

    Raises:
        CliError: there is no such rollout, or it was taken back.
    """
    record = _under_way(model, version, "pause")
    says = f"{record.to} stays at {record.weight}% until {model.command('resume', *_option(model, record))}."
    if model.verbs.paused(record.to, record.attempt):
        return VerbAnswer({}, says)
    return VerbAnswer(_added(model, Verb.PAUSE, record), says)


def resume(model: Model, version: str | None) -> VerbAnswer:
    """Let a rollout that a person holds go on.

    Raises:
        CliError: there is no such rollout, or no person holds it.
    """
    record = _under_way(model, version, "resume")
    if model.verbs.paused(record.to, record.attempt):
        return VerbAnswer(unpaused(model, record), f"{_now_at(model, record)} goes on.")
    if record.phase is RolloutPhase.PAUSED:
        raise CliError(
            f"nobody paused the rollout to {record.to}{_because(record)}: "
            f"{model.command('promote', *_option(model, record))} goes on"
        )
    raise CliError(f"the rollout to {record.to} is not paused{_because(record)}")


def abort(model: Model, version: str | None) -> VerbAnswer:
    """Take a rollout back.

    Raises:
        CliError: there is no such rollout, or it was taken back before.
    """
    record = _under_way(model, version, "abort")
    says = (
        f"{record.from_} gets all requests of {record.version} back; "
        f"{model.command('retry', *_option(model, record))} tries {record.to} again."
    )
    if model.verbs.aborted(record.to, record.attempt):
        return VerbAnswer({}, says)
    return VerbAnswer(_added(model, Verb.ABORT, record), says)


def retry(model: Model, version: str | None) -> VerbAnswer:
    """Try a candidate again that was taken back.

    Raises:
        CliError: there is no such rollout, or it was not taken back.
    """
    record = _rollout(model, version, "retry")
    if record.phase is not RolloutPhase.ABORTED:
        raise CliError(f"nothing to retry: the rollout to {record.to} is {record.phase}, not Aborted")
    says = f"{record.to} starts again from its first step, as attempt {record.attempt + 1}."
    if model.verbs.retried(record.to, record.attempt):
        return VerbAnswer({}, says)
    return VerbAnswer(_added(model, Verb.RETRY, record), says)


def unpaused(model: Model, record: RolloutStatus) -> dict[str, str | None]:
    """The annotation without the pauses of a rollout's version."""
    return {Verb.PAUSE: joined(others(model, Verb.PAUSE, record.version))}


def others(model: Model, verb: Verb, version: str) -> list[str]:
    """The items of an annotation that are about other versions; one that is replaced takes the dead ones with it."""
    # The hash is the part after the last dash, and has none itself; a version's name may.
    ours = f"{model.name}-{version}"
    items = items_of(model.annotations.get(verb, ""))
    return [item for item in items if item.partition("/")[0].rpartition("-")[0] != ours]


def joined(items: list[str]) -> str | None:
    """The value of an annotation; None, which removes it, where no item is left."""
    return ",".join(items) or None


def _added(model: Model, verb: Verb, record: RolloutStatus, *parts: str) -> dict[str, str | None]:
    item = "/".join((record.to, str(record.attempt), *parts))
    return {verb: joined([*others(model, verb, record.version), item])}


def _rollout(model: Model, version: str | None, verb: str) -> RolloutStatus:
    """The rollout that is meant: of `version`, or the only one."""
    where = model.place
    if version is not None:
        record = model.rollout_of(model.known_version(version).name)
        if record is None:
            raise CliError(f"nothing to {verb}: version {version} of {where} is not rolling out")
        return record
    if not model.rollouts:
        raise CliError(f"nothing to {verb}: {where} is not rolling out")
    if len(model.rollouts) > 1:
        names = ", ".join(r.version for r in model.rollouts)
        raise CliError(f"several versions of {where} are rolling out ({names}); say which with --version")
    return model.rollouts[0]


def _under_way(model: Model, version: str | None, verb: str) -> RolloutStatus:
    record = _rollout(model, version, verb)
    if record.phase is RolloutPhase.ABORTED:
        raise CliError(
            f"nothing to {verb}: the rollout to {record.to} was taken back{_because(record)}; "
            f"{model.command('retry', *_option(model, record))} tries it again"
        )
    return record


def _promotable(model: Model, record: RolloutStatus) -> bool:
    """Whether the present step waits for something that a promotion ends: time, a person, or figures."""
    course = model.course(record)
    if course.analysis is not None or len(course.steps) != record.steps:
        return True
    step = model.step(record, record.step)
    return step is not None and step.promotable


def _because(record: RolloutStatus) -> str:
    return f" ({record.message})" if record.message else ""


def _now_at(model: Model, record: RolloutStatus) -> str:
    return _named(model, record, record.step)


def _promoted(model: Model, record: RolloutStatus) -> str:
    step = model.step(record, record.step)
    if step is not None and step.aim.weight is not None:
        return f"{record.to} gets {step.aim.weight}% as soon as enough replicas of it answer, whatever its figures say."
    return f"{_now_at(model, record)} is over; {_then(model, record)}."


def _then(model: Model, record: RolloutStatus) -> str:
    if record.step + 1 >= record.steps:
        return f"{record.to} takes over as soon as all its replicas answer"
    return f"{_named(model, record, record.step + 1)} comes next"


def _named(model: Model, record: RolloutStatus, number: int) -> str:
    if number >= record.steps:
        return f"the last part of the rollout to {record.to}"
    step = model.step(record, number)
    what = f" ({step.say()})" if step else ""
    return f"step {number + 1}/{record.steps}{what} of the rollout to {record.to}"


def _option(model: Model, record: RolloutStatus) -> tuple[str, ...]:
    """What a command must say for this rollout to be the one that is meant."""
    return ("--version", record.version) if len(model.rollouts) > 1 else ()
