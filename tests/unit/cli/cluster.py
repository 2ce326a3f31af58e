"""An API server that minds the version in a patch, as the real one does."""

from eagleray.kube.client import FIELD_MANAGER
from eagleray.kube.errors import ConflictError
from eagleray.kube.kinds import MODEL_DEPLOYMENT, Manifest, Ref
from fakes.kube import FakeKube

REF = Ref(MODEL_DEPLOYMENT, "shop", "churn")


class Server(FakeKube):
    """`patches` lists what was written; `meanwhile` are annotations of others, each written before our next patch."""

    def __init__(self, *manifests: Manifest) -> None:
        super().__init__(*manifests)
        self.patches: list[Manifest] = []
        self.meanwhile: list[dict[str, str]] = []

    async def patch(self, ref: Ref, patch: Manifest, *, field_manager: str = FIELD_MANAGER) -> Manifest:
        if self.meanwhile:
            await super().patch(ref, {"metadata": {"annotations": self.meanwhile.pop(0)}})
        if patch["metadata"]["resourceVersion"] != self.objects[ref]["metadata"]["resourceVersion"]:
            raise ConflictError(f"{ref} changed", status=409, reason="Conflict")
        self.patches.append(patch)
        return await super().patch(ref, patch, field_manager=field_manager)

    @property
    def annotations(self) -> dict[str, str]:
        found: dict[str, str] = self.objects[REF]["metadata"].get("annotations", {})
        return found
