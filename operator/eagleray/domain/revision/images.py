"""Which bytes a revision's Pods run: its image's digest, resolved by its first Pod and kept for its whole life."""

from collections.abc import Iterable

from eagleray.domain.actions.actions import DeletePod
from eagleray.domain.facts.pods import Pod

_OTHER = "it runs other bytes than its revision: the image's tag was moved while the revision started"


def pin(image: str, head: Pod | None) -> str:
    """Add the digest that the head runs to an image that has none yet: `repo:tag` becomes `repo:tag@sha256:…`.

    Args:
        image: as it is known so far.
        head: the revision's head; its image is that of every Pod of the revision.
    """
    return f"{image}@{head.digest}" if "@" not in image and head and head.digest else image


def replace_others(image: str, workers: Iterable[Pod]) -> list[DeletePod]:
    """Delete workers that run other bytes than `image` says; those that come in their place run the right ones."""
    digest = image.partition("@")[2]
    others = [w for w in workers if digest and w.digest and w.digest != digest]
    return [DeletePod(w.name, w.uid, _OTHER) for w in others]
