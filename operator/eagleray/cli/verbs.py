"""`promote`, `pause`, `resume`, `abort` and `retry`: which annotations they write, and what happens then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eagleray.api.status import RolloutPhase, RolloutStatus
from eagleray.cli.deployment import Deployment
from eagleray.cli.errors import CliError
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


Ask = Callable[[Deployment], VerbAnswer]


def promote(deployment: Deployment, version: str | None, *, full: bool) -> VerbAnswer:
    """End the present step of a rollout, or with `full` all that are left; a pause by a person ends too.

    Raises:
        CliError: there is no such rollout, it was taken back, or it waits for nobody.
    """
    record = _under_way(deployment, version, "promote")
    paused = deployment.verbs.paused(record.to, record.attempt)
    annotations = unpaused(deployment, record) if paused else {}
    if full or deployment.verbs.promoted_fully(record.to, record.attempt):
        says = f"{record.to} takes over from {record.from_} as soon as all its replicas answer; no step is waited for."
        return VerbAnswer({**annotations, **_added(deployment, Verb.PROMOTE, record, FULL)}, says)
    if not _promotable(deployment, record):
        if paused:
            return VerbAnswer(annotations, f"{_now_at(deployment, record)} goes on.")
        raise CliError(f"nothing to promote: {_now_at(deployment, record)} goes on by itself{_because(record)}")
    item = _added(deployment, Verb.PROMOTE, record, str(record.step))
    return VerbAnswer({**annotations, **item}, _promoted(deployment, record))


def pause(deployment: Deployment, version: str | None) -> VerbAnswer:
    """Hold a rollout where it is.

    Raises:
        CliError: there is no such rollout, or it was taken back.
    """
    record = _under_way(deployment, version, "pause")
    says = f"{record.to} stays at {record.weight}% until {deployment.command('resume', *_option(deployment, record))}."
    if deployment.verbs.paused(record.to, record.attempt):
        return VerbAnswer({}, says)
    return VerbAnswer(_added(deployment, Verb.PAUSE, record), says)


def resume(deployment: Deployment, version: str | None) -> VerbAnswer:
    """Let a rollout that a person holds go on.

    Raises:
        CliError: there is no such rollout, or no person holds it.
    """
    record = _under_way(deployment, version, "resume")
    if deployment.verbs.paused(record.to, record.attempt):
        return VerbAnswer(unpaused(deployment, record), f"{_now_at(deployment, record)} goes on.")
    if record.phase is RolloutPhase.PAUSED:
        raise CliError(
            f"nobody paused the rollout to {record.to}{_because(record)}: "
            f"{deployment.command('promote', *_option(deployment, record))} goes on"
        )
    raise CliError(f"the rollout to {record.to} is not paused{_because(record)}")


def abort(deployment: Deployment, version: str | None) -> VerbAnswer:
    """Take a rollout back.

    Raises:
        CliError: there is no such rollout, or it was taken back before.
    """
    record = _under_way(deployment, version, "abort")
    says = (
        f"{record.from_} gets all requests of {record.version} back; "
        f"{deployment.command('retry', *_option(deployment, record))} tries {record.to} again."
    )
    if deployment.verbs.aborted(record.to, record.attempt):
        return VerbAnswer({}, says)
    return VerbAnswer(_added(deployment, Verb.ABORT, record), says)


def retry(deployment: Deployment, version: str | None) -> VerbAnswer:
    """Try a candidate again that was taken back.

    Raises:
        CliError: there is no such rollout, or it was not taken back.
    """
    record = _rollout(deployment, version, "retry")
    if record.phase is not RolloutPhase.ABORTED:
        raise CliError(f"nothing to retry: the rollout to {record.to} is {record.phase}, not Aborted")
    says = f"{record.to} starts again from its first step, as attempt {record.attempt + 1}."
    if deployment.verbs.retried(record.to, record.attempt):
        return VerbAnswer({}, says)
    return VerbAnswer(_added(deployment, Verb.RETRY, record), says)


def unpaused(deployment: Deployment, record: RolloutStatus) -> dict[str, str | None]:
    """The annotation without the pauses of a rollout's version."""
    return {Verb.PAUSE: joined(others(deployment, Verb.PAUSE, record.version))}


def others(deployment: Deployment, verb: Verb, version: str) -> list[str]:
    """The items of an annotation that are about other versions; one that is replaced takes the dead ones with it."""
    # The hash is the part after the last dash, and has none itself; a version's name may.
    ours = f"{deployment.name}-{version}"
    items = items_of(deployment.annotations.get(verb, ""))
    return [item for item in items if item.partition("/")[0].rpartition("-")[0] != ours]


def joined(items: list[str]) -> str | None:
    """The value of an annotation; None, which removes it, where no item is left."""
    return ",".join(items) or None


def _added(deployment: Deployment, verb: Verb, record: RolloutStatus, *parts: str) -> dict[str, str | None]:
    item = "/".join((record.to, str(record.attempt), *parts))
    return {verb: joined([*others(deployment, verb, record.version), item])}


def _rollout(deployment: Deployment, version: str | None, verb: str) -> RolloutStatus:
    """The rollout that is meant: of `version`, or the only one."""
    where = deployment.place
    if version is not None:
        record = deployment.rollout_of(deployment.known_version(version).name)
        if record is None:
            raise CliError(f"nothing to {verb}: version {version} of {where} is not rolling out")
        return record
    if not deployment.rollouts:
        raise CliError(f"nothing to {verb}: {where} is not rolling out")
    if len(deployment.rollouts) > 1:
        names = ", ".join(r.version for r in deployment.rollouts)
        raise CliError(f"several versions of {where} are rolling out ({names}); say which with --version")
    return deployment.rollouts[0]


def _under_way(deployment: Deployment, version: str | None, verb: str) -> RolloutStatus:
    record = _rollout(deployment, version, verb)
    if record.phase is RolloutPhase.ABORTED:
        raise CliError(
            f"nothing to {verb}: the rollout to {record.to} was taken back{_because(record)}; "
            f"{deployment.command('retry', *_option(deployment, record))} tries it again"
        )
    return record


def _promotable(deployment: Deployment, record: RolloutStatus) -> bool:
    """Whether the present step waits for something that a promotion ends: time, a person, or figures."""
    course = deployment.course(record)
    if course.analysis is not None or len(course.steps) != record.steps:
        return True
    step = deployment.step(record, record.step)
    return step is not None and step.promotable


def _because(record: RolloutStatus) -> str:
    return f" ({record.message})" if record.message else ""


def _now_at(deployment: Deployment, record: RolloutStatus) -> str:
    return _named(deployment, record, record.step)


def _promoted(deployment: Deployment, record: RolloutStatus) -> str:
    step = deployment.step(record, record.step)
    if step is not None and step.aim.weight is not None:
        return f"{record.to} gets {step.aim.weight}% as soon as enough replicas of it answer, whatever its figures say."
    return f"{_now_at(deployment, record)} is over; {_then(deployment, record)}."


def _then(deployment: Deployment, record: RolloutStatus) -> str:
    if record.step + 1 >= record.steps:
        return f"{record.to} takes over as soon as all its replicas answer"
    return f"{_named(deployment, record, record.step + 1)} comes next"


def _named(deployment: Deployment, record: RolloutStatus, number: int) -> str:
    if number >= record.steps:
        return f"the last part of the rollout to {record.to}"
    step = deployment.step(record, number)
    what = f" ({step.say()})" if step else ""
    return f"step {number + 1}/{record.steps}{what} of the rollout to {record.to}"


def _option(deployment: Deployment, record: RolloutStatus) -> tuple[str, ...]:
    """What a command must say for this rollout to be the one that is meant."""
    return ("--version", record.version) if len(deployment.rollouts) > 1 else ()
