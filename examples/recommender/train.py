"""Factorises ratings that it makes up, always the same, into embeddings: users.npy and items.npy, 32-bit floats.

python train.py --out models/recommender/1
"""

import argparse
from pathlib import Path

import numpy as np

USERS, ITEMS, TASTES = 4_000, 20_000, 12
RATINGS_EACH = 60
PENALTY = 0.05


def make_ratings(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who rated what, and how: people of one taste like the same items."""
    rng = np.random.default_rng(seed)
    tastes, kinds = rng.integers(0, TASTES, USERS), rng.integers(0, TASTES, ITEMS)
    users = np.repeat(np.arange(USERS), RATINGS_EACH)
    items = rng.integers(0, ITEMS, users.size)
    liked = tastes[users] == kinds[items]
    return users, items, (np.where(liked, 1.0, -0.2) + rng.normal(0, 0.1, users.size)).astype(np.float32)


def solve(fixed: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """The embedding of each row that explains its ratings best, with those of the columns as they are."""
    rank = fixed.shape[1]
    found = np.zeros((count, rank), dtype=np.float32)
    order = np.argsort(rows, kind="stable")
    bounds = np.searchsorted(rows[order], np.arange(count + 1))
    for row in range(count):
        rated = order[bounds[row] : bounds[row + 1]]
        if rated.size:
            known = fixed[columns[rated]]
            weights = known.T @ known + PENALTY * rated.size * np.eye(rank, dtype=np.float32)
            found[row] = np.linalg.solve(weights, known.T @ values[rated])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/recommender/1"), help="folder for the embeddings")
    parser.add_argument("--rank", type=int, default=16, help="numbers that describe a user or an item")
    parser.add_argument("--rounds", type=int, default=4, help="how often both sides are solved")
    args = parser.parse_args()

    users, items, values = make_ratings(seed=1)
    embeddings = np.random.default_rng(2).normal(0, 0.1, (ITEMS, args.rank)).astype(np.float32)
    for _ in range(args.rounds):
        people = solve(embeddings, users, items, values, USERS)
        embeddings = solve(people, items, users, values, ITEMS)
    args.out.mkdir(parents=True, exist_ok=True)
    np.save(args.out / "users.npy", people)
    np.save(args.out / "items.npy", embeddings)
    error = float(np.sqrt(np.mean((np.sum(people[users] * embeddings[items], axis=1) - values) ** 2)))
    print(f"{args.out}: {USERS} users, {ITEMS} items, rank {args.rank}, error {error:.3f}")


if __name__ == "__main__":
    main()
