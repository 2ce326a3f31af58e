"""Video of made-up cameras: gray frames of 64 x 64 pixels in which bright vehicles drive, and the boxes around them."""

import numpy as np

SIZE = 64

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


def frame(camera: int, number: int) -> tuple[np.ndarray, list[Box]]:
    """A frame and its boxes, always the same for a camera and a number.

    Args:
        camera: Which camera; each has vehicles of its own.
        number: Which frame of it.

    Returns:
        uint8 values of shape [64, 64], and one box per vehicle.
    """
    fixed, noise = np.random.default_rng(camera), np.random.default_rng((camera, number))
    pixels = noise.normal(60, 12, (SIZE, SIZE))
    boxes = []
    for _ in range(fixed.integers(1, 4)):
        width, height = fixed.integers(8, 17), fixed.integers(6, 11)
        left, top = fixed.uniform(0, SIZE, 2) + number * fixed.uniform(-2, 2, 2)
        left, top = int(left) % (SIZE - width), int(top) % (SIZE - height)
        if any(left < r and l < left + width and top < b and t < top + height for l, t, r, b in boxes):  # noqa: E741
            continue  # one drives behind the other
        pixels[top : top + height, left : left + width] += fixed.uniform(70, 140)
        boxes.append((left, top, left + width, top + height))
    return pixels.clip(0, 255).astype(np.uint8), [tuple(map(float, box)) for box in boxes]


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (area(a) + area(b) - shared)


def area(box: Box) -> float:
    """Pixels in a box."""
    return (box[2] - box[0]) * (box[3] - box[1])
