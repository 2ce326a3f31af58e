"""Train the detector on made-up video, look at cameras that it has not seen, and write its weights."""

import argparse
from pathlib import Path

import numpy as np
import torch
from frames import Box, frame, overlap
from network import CELL, SIZE, Detector

BATCH = 64


def targets(boxes: list[Box]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the cells should say: 1 where a vehicle has its middle, and its distances there."""
    cells = SIZE // CELL
    scores, distances = torch.zeros(cells, cells), torch.zeros(4, cells, cells)
    for left, top, right, bottom in boxes:
        column, row = int((left + right) / 2 / CELL), int((top + bottom) / 2 / CELL)
        x, y = (column + 0.5) * CELL, (row + 0.5) * CELL
        scores[row, column] = 1
        distances[:, row, column] = torch.tensor([x - left, y - top, right - x, bottom - y])
    return scores, distances


def train(steps: int) -> Detector:
    """Fit the network with Adam, 64 frames a step."""
    torch.manual_seed(0)
    network, rng = Detector(), np.random.default_rng(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    weight = torch.tensor(30.0)  # a frame has two vehicles and 256 cells
    for step in range(steps):
        videos = [frame(int(rng.integers(1000, 10**6)), int(rng.integers(1000))) for _ in range(BATCH)]
        pixels = torch.from_numpy(np.stack([pixels for pixels, _ in videos]))
        wanted, where = (torch.stack(parts) for parts in zip(*(targets(b) for _, b in videos), strict=True))
        scores, distances = network(pixels)
        there = wanted.bool().unsqueeze(1).expand_as(where)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted, pos_weight=weight)
        loss = loss + torch.nn.functional.l1_loss(distances[there], where[there])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1} of {steps}: loss {loss.item():.3f}")
    return network.eval()


def recall(network: Detector, cameras: int) -> float:
    """The share of vehicles that are found: with a box that overlaps theirs by half."""
    found = total = 0
    for camera in range(cameras):
        pixels, boxes = frame(camera, 7 * camera)
        (told,) = network.detect(torch.from_numpy(pixels).unsqueeze(0))
        found += sum(any(overlap(box, tuple(t)) >= 0.5 for t in told) for box in boxes)
        total += len(boxes)
    return found / total


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file of the weights")
    parser.add_argument("--steps", type=int, default=500)
    args = parser.parse_args()
    network = train(args.steps)
    print(f"{recall(network, 200):.1%} of the vehicles before cameras that it has not seen are found")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), args.out)


if __name__ == "__main__":
    main()
