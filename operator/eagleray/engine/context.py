"""One look: what it began with, for whoever does a part of what follows from it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from eagleray.domain.goals.revision import Revision
from eagleray.domain.plan.plan import Plan
from eagleray.domain.state.observed import Observed
from eagleray.engine.memory import Memory
from eagleray.engine.observe import World
from eagleray.engine.tools import Tools
from eagleray.kube.kinds import Key
from eagleray.resources.owner import owner_reference
from eagleray.resources.pod import PodSettings

_CONFIG_ERROR = "CreateContainerConfigError"


@dataclass(frozen=True, slots=True)
class Look:
    """One look.

    Attributes:
        tools: what to work with.
        world: what the store holds of the object.
        memory: what is remembered of it.
        observed: what the plan was made from.
        plan: the plan.
        now: the time of the look.
    """

    tools: Tools
    world: World
    memory: Memory
    observed: Observed
    plan: Plan
    now: datetime

    @property
    def key(self) -> Key:
        """The object."""
        return self.world.key

    @property
    def owner(self) -> dict[str, Any]:
        """The reference of its children to it."""
        return owner_reference(self.key.name, self.world.uid)

    @property
    def pod_settings(self) -> PodSettings:
        """What the operator's settings and the object say of Pods."""
        settings = self.tools.settings
        return PodSettings(
            image_pull_policy=settings.image_pull_policy,
            image_pull_secrets=settings.image_pull_secrets,
            max_model_bytes=settings.installation.max_model_bytes,
            fleet=settings.installation.fleet,
            leaving=self.tools.nodes.leaving(),
            request_timeout=self.plan.request_timeout,
            defaults=settings.installation.pods,
        )

    def revision(self, name: str, image: str) -> Revision:
        """A revision that the plan names, with the image that its Pods run."""
        return replace(self.plan.revisions[name], image=image)

    def lacks_token(self, revision: str) -> bool:
        """Whether a Pod of a revision waits for something that its containers refer to: its token may be missing."""
        waiting = (c.waiting for pod in self.observed.pods if pod.revision == revision for c in pod.containers)
        return any(reason is not None and reason[0] == _CONFIG_ERROR for reason in waiting)
