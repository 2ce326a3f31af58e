"""`restart`: every version at the content that spec has, made anew."""

from datetime import datetime

from eagleray.api.base import in_seconds
from eagleray.cli.errors import CliError
from eagleray.cli.model import Model
from eagleray.cli.verbs import VerbAnswer
from eagleray.domain.goals.revision import RESTARTED_ANNOTATION


def restart(model: Model, now: datetime) -> VerbAnswer:
    """Make a new revision of every version, with the values that Secrets and ConfigMaps have then.

    Args:
        model: the object.
        now: the time, which is written onto it.

    Raises:
        CliError: a version went back to an earlier revision, and would go forward.
    """
    back = next((v for v in model.status.versions if v.wanted and model.verbs.rolled_back_from(v.wanted)), None)
    if back is not None:
        forward = model.command("rollback", "--to", back.wanted or "")
        raise CliError(
            f"version {back.name} of {model.place} went back to {back.stable}, and a restart is of what spec asks for, "
            f"{back.wanted}: write the earlier content into spec, or go forward with {forward}, and restart then"
        )
    follow = model.command("status", "--watch")
    says = f"Every version of {model.place} is made anew and takes over as in any rollout; {follow} shows how it goes."
    return VerbAnswer({RESTARTED_ANNOTATION: in_seconds(now)}, says)
