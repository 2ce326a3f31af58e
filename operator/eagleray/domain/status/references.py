"""Whether all replicas of a revision began with the same values of Secrets and ConfigMaps."""

from collections.abc import Sequence

from eagleray.api.conditions import ConditionType, Reason
from eagleray.domain.facts.pods import Pod
from eagleray.domain.goals.references import references_of
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.status.verdict import Verdict, Verdicts
from eagleray.domain.version.version_view import Versions

_MOST_NAMED = 3


def references_verdicts(versions: Versions) -> Verdicts:
    """Judge whether replicas are alike; nothing where no variable refers to a Secret or a ConfigMap.

    Args:
        versions: the versions as they stand.
    """
    views = [view for version in versions for view in version.views if references_of(view.revision.template)]
    if not views:
        return {}
    differing = [said for view in views for said in _differing(view)]
    if not differing:
        said = "all replicas of a revision began with the same values of the Secrets and ConfigMaps of env and envFrom"
        return {ConditionType.SAME_REFERENCES: Verdict("True", Reason.SETTLED, said)}
    revision = views[0].revision
    remedy = f"`kubectl eagleray restart {revision.model} -n {revision.namespace}` gives all of them the present values"
    said = f"{'; '.join(differing)}; {remedy}"
    return {ConditionType.SAME_REFERENCES: Verdict("False", Reason.REFERENCES_DIFFER, said)}


def _differing(view: RevisionView) -> list[str]:
    """What each reference is, of which workers began with other values than the newest of them."""
    references = references_of(view.revision.template)
    told = [p for p in view.cluster.workers if len(p.references) == len(references)]
    if not told:
        return []
    newest = max(told, key=lambda pod: (pod.created_at, pod.name))
    found = []
    for place, reference in enumerate(references):
        others = [p for p in told if p.references[place] != newest.references[place]]
        if others:
            what = f"{reference.kind} {reference.name} was changed"
            found.append(f"{what}: {_named(others)} began with other values than {newest.name}, which is newer")
    return found


def _named(pods: Sequence[Pod]) -> str:
    more = f" and {len(pods) - _MOST_NAMED} more" if len(pods) > _MOST_NAMED else ""
    return f"Pod {', '.join(p.name for p in pods[:_MOST_NAMED])}{more}"
