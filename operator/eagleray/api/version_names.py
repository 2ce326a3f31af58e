"""Rules of `spec` about fields that name versions: one of `spec.versions`, or the one that there is without any."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from eagleray.api.base import Rule

if TYPE_CHECKING:
    from eagleray.api.spec import ModelDeploymentSpec

DEFAULT_VERSION = "default"
"""The version that there is where `versions` has none."""


def _knows(spec: "ModelDeploymentSpec", names: Iterable[str]) -> bool:
    return set(names) <= {lane.name for lane in spec.lanes()}


def _allows_what_weights_choose(spec: "ModelDeploymentSpec") -> bool:
    auth = spec.router.auth if spec.router else None
    named = [set(each.versions) for each in (auth.allow if auth else None) or () if each.versions is not None]
    weighted = {lane.name for lane in spec.lanes() if lane.weight}
    return all(weighted <= versions and _knows(spec, versions) for versions in named)


NAMED_VERSIONS = (
    Rule(
        "!has(self.traffic) || !has(self.traffic.rules) || self.traffic.rules.all(r, has(self.versions)"
        f" ? self.versions.exists(v, v.name == r.version) : r.version == '{DEFAULT_VERSION}')",
        "traffic.rules names a version that spec.versions has not; write one of them",
        field_path=".traffic.rules",
        python=lambda spec: not spec.traffic or _knows(spec, [r.version for r in spec.traffic.rules or []]),
    ),
    Rule(
        "!has(self.traffic) || !has(self.traffic.mirror) || (has(self.versions)"
        " ? self.versions.exists(v, v.name == self.traffic.mirror.version) : "
        f"self.traffic.mirror.version == '{DEFAULT_VERSION}')",
        "traffic.mirror names a version that spec.versions has not; write one of them",
        field_path=".traffic.mirror",
        python=lambda spec: not (spec.traffic and spec.traffic.mirror) or _knows(spec, [spec.traffic.mirror.version]),
    ),
    Rule(
        "!has(self.router) || !has(self.router.auth) || !has(self.router.auth.allow)"
        " || self.router.auth.allow.all(a, !has(a.versions) || (has(self.versions)"
        " ? a.versions.all(n, self.versions.exists(v, v.name == n))"
        " && self.versions.all(v, v.weight == 0 || v.name in a.versions)"
        f" : a.versions.all(n, n == '{DEFAULT_VERSION}')))",
        "allow.versions has every version that has a weight, as the weights choose whoever asks, and none that"
        " spec.versions has not; write them, give others weight 0, or leave allow.versions out",
        field_path=".router.auth.allow",
        python=_allows_what_weights_choose,
    ),
)
"""The rules."""
