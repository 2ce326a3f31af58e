"""`rollback`: which earlier revision is served instead of the one that spec asks for."""

from datetime import UTC, datetime

from eagleray.api.status import Outcome, RevisionStatus, RolloutPhase, VersionStatus
from eagleray.cli.errors import CliError
from eagleray.cli.model import Model
from eagleray.cli.verbs import VerbAnswer, joined, others
from eagleray.domain.goals.verbs import Verb

_EARLIEST = datetime.min.replace(tzinfo=UTC)


def rollback(model: Model, version: str | None, to: str | None) -> VerbAnswer:
    """Serve an earlier revision; the one that spec asks for takes a rollback before back.

    Args:
        model: the object.
        version: the version to roll back; with None that of `to`, or the only one.
        to: the revision to serve; with None the one that served before.

    Raises:
        CliError: there is no such version or revision, or nothing would change.
    """
    of = _version(model, version, to)
    if of.wanted is None:
        raise CliError(
            f"the operator has not said yet which revision spec asks for in version {of.name}; try again in a moment"
        )
    target = _named(model, of, to) if to else _before(model, of)
    if target.name == of.wanted:
        return _forward(model, of, of.wanted)
    item = f"{target.name}/{of.wanted}"
    annotations: dict[str, str | None] = {Verb.ROLLBACK: joined([*others(model, Verb.ROLLBACK, of.name), item])}
    return VerbAnswer(annotations, _says(model, of, target))


def _version(model: Model, version: str | None, to: str | None) -> VersionStatus:
    if version is None and to is not None:
        revision = model.revision(to)
        if revision is None:
            raise _unknown(model, to)
        version = revision.version
    if version is None:
        versions = model.status.versions
        if len(versions) != 1:
            known = ", ".join(v.name for v in versions) or "none"
            raise CliError(
                f"{model.place} has several versions ({known}); say which with --version, or name a revision"
            )
        return versions[0]
    return model.known_version(version)


def _named(model: Model, of: VersionStatus, to: str) -> RevisionStatus:
    revision = model.revision(to)
    if revision is None:
        raise _unknown(model, to)
    if revision.version != of.name:
        raise CliError(f"{to} is a revision of version {revision.version}, not of {of.name}")
    if to == of.stable and to != of.wanted and model.rollout_of(of.name) is None:
        raise CliError(f"{to} is what version {of.name} serves already")
    return revision


def _unknown(model: Model, revision: str) -> CliError:
    return CliError(f"{model.place} has no revision {revision}; {model.command('revisions')} lists them")


def _before(model: Model, of: VersionStatus) -> RevisionStatus:
    """The revision that served last before the stable one; the one that spec asks for is not earlier but later."""
    record = model.rollout_of(of.name)
    if record is not None and record.phase is not RolloutPhase.ABORTED:
        abort = model.command("abort", "--version", of.name)
        raise CliError(
            f"version {of.name} is rolling out to {record.to}: {abort} takes that back; "
            "to go further back, name a revision with --to"
        )
    served = [
        r
        for r in model.status.revisions
        if r.version == of.name and r.outcome == Outcome.REPLACED and r.name not in {of.stable, of.wanted}
    ]
    if not served:
        raise CliError(f"nothing to go back to: no other revision of version {of.name} has served")
    return max(served, key=lambda r: (r.last_active_at or _EARLIEST, r.created_at))


def _forward(model: Model, of: VersionStatus, wanted: str) -> VerbAnswer:
    """Take a rollback back."""
    if model.verbs.rolled_back_from(wanted) is None:
        record = model.rollout_of(of.name)
        taken_back = record is not None and record.phase is RolloutPhase.ABORTED
        retry = f"; {model.command('retry', '--version', of.name)} tries it again" if taken_back else ""
        raise CliError(f"{wanted} is what spec asks for already{retry}")
    annotations: dict[str, str | None] = {Verb.ROLLBACK: joined(others(model, Verb.ROLLBACK, of.name))}
    return VerbAnswer(annotations, f"{of.name} goes forward again to {wanted}, as spec asks.")


def _says(model: Model, of: VersionStatus, target: RevisionStatus) -> str:
    before = f" from {of.stable}" if of.stable else ""
    if target.name == of.stable:
        how = f"{target.name} keeps all requests of {of.name}"
    elif target.outcome == Outcome.REPLACED:
        how = f"{target.name} takes over{before} without steps, as soon as its replicas answer"
    else:
        how = f"{target.name} has not served yet and takes over{before} by the steps of a rollout"
    back = model.command("rollback", "--to", of.wanted or "")
    return f"{how}; spec still asks for {of.wanted}: change it to make this last, or go forward with {back}."
