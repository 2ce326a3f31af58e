"""The images for GPUs: built and tried where there is none. Gigabytes of downloads, so no test needs them."""

from . import images, node_image, shell
from .images import Image
from .machine import Mode
from .progress import say, timed

GPU_IMAGES = (
    Image("torch-gpu", "model_images/torch-gpu/Dockerfile", base="ray"),
    Image("onnx-gpu", "model_images/onnx-gpu/Dockerfile", base="ray"),
    Image("xgboost-gpu", "model_images/xgboost-gpu/Dockerfile", base="sklearn-packages"),
)


def ensure(mode: Mode) -> None:
    """Build what Docker does not have yet, and run the tests of `tests/in_image` in each, without a GPU.

    Args:
        mode: Where base images come from.
    """
    images.ensure(mode)
    os_base = node_image.ensure_os_base(mode)
    for image in GPU_IMAGES:
        tests = Image(f"{image.name}-tests", "tests/in_image/Dockerfile", base=image.name, stage="tests")
        current = images.tags(os_base, (*images.IMAGES, image, tests))
        for each in (image, tests):
            reference = images.reference(each.name, current[each.name])
            if not shell.succeeds(["docker", "image", "inspect", reference]):
                images.build(each, current, os_base)
        with timed(f"Tests in {image.name}"):
            log = f"tests-{image.name}"
            shell.fresh_log(log)
            tested = images.reference(tests.name, current[tests.name])
            shell.run(["docker", "run", "--rm", "--network", "none", tested], log=log)
        say(f"{images.reference(image.name, current[image.name])} works without a GPU; try it with one")
