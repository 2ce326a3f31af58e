"""The images for GPUs: built and tried where there is none. Gigabytes of downloads, so no test needs them."""

from . import build, images, shell
from .machine import Mode
from .progress import say, timed


def ensure(mode: Mode) -> None:
    """Build what Docker does not have yet, and run the tests of `tests/in_image` in each, without a GPU.

    Args:
        mode: Where base images come from.
    """
    for image in images.IMAGES:
        if image.pushed or not image.stage:
            continue
        tags = build.ensure(mode, [image.name])
        with timed(f"Tests in {image.base}"):
            log = f"tests-{image.base}"
            shell.fresh_log(log)
            tested = images.reference(image.name, tags[image.name])
            shell.run(["docker", "run", "--rm", "--network", "none", tested], log=log)
        say(f"{images.reference(image.base, tags[image.base])} works without a GPU; try it with one")
