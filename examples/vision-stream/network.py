"""The detector: a grid of cells over the frame, each of which may be the middle of a vehicle."""

import torch
from torch import nn

SIZE, CELL = 64, 4


class Detector(nn.Module):
    """For frames [n, 64, 64] of values from 0 to 255: scores [n, 16, 16] before sigmoid, and boxes [n, 4, 16, 16].

    A box is left, top, right and bottom, as distances from the middle of its cell in pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(),
        )  # fmt: skip
        self.cells = nn.Conv2d(32, 5, 1)

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores and boxes of every cell."""
        found = self.cells(self.features((frames.float() / 255 - 0.25).unsqueeze(1)))
        return found[:, 0], torch.nn.functional.softplus(found[:, 1:]) * CELL

    @torch.inference_mode()
    def detect(self, frames: torch.Tensor, threshold: float = 0.5) -> list[list[list[float]]]:
        """The boxes of each frame: of cells above the threshold, those that no neighbour beats."""
        scores, distances = self(frames)
        best = nn.functional.max_pool2d(scores.unsqueeze(1), 5, stride=1, padding=2).squeeze(1) == scores
        places = (best & (scores.sigmoid() > threshold)).nonzero().tolist()
        boxes: list[list[list[float]]] = [[] for _ in range(len(frames))]
        for n, row, column in places:
            left, top, right, bottom = distances[n, :, row, column].tolist()
            x, y = (column + 0.5) * CELL, (row + 0.5) * CELL
            boxes[n].append([round(v, 1) for v in (x - left, y - top, x + right, y + bottom)])
        return boxes
