"""Trains the fraud model on payments that it makes up, always the same, and writes it as model.txt.

python train.py --out models/fraud/1 --check check.json
"""

import argparse
import json
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

COLUMNS = ["amount", "hour", "country_is_home", "payments_last_hour", "days_since_first", "new_device"]
PARAMETERS = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.1, "num_threads": 2, "verbosity": -1}
TREES = 200


def make_payments(rows: int, seed: int) -> pd.DataFrame:
    """Payments of an online shop; of one in twenty the first purchase is not known."""
    rng = np.random.default_rng(seed)
    payments = pd.DataFrame(
        {
            "amount": rng.lognormal(3.5, 1.0, rows).round(2),
            "hour": rng.integers(0, 24, rows).astype(float),
            "country_is_home": (rng.random(rows) < 0.9).astype(float),
            "payments_last_hour": rng.poisson(0.4, rows).astype(float),
            "days_since_first": rng.exponential(200, rows).round(1),
            "new_device": (rng.random(rows) < 0.15).astype(float),
        }
    )
    payments.loc[rng.random(rows) < 0.05, "days_since_first"] = np.nan
    return payments


def make_labels(payments: pd.DataFrame, seed: int) -> np.ndarray:
    """Which are fraud: large ones at night from abroad and from new devices, and many in an hour."""
    score = (
        -5.5
        + 0.6 * np.log1p(payments["amount"])
        + 1.0 * (payments["hour"] < 6)
        + 1.5 * (payments["country_is_home"] == 0)
        + 0.9 * payments["payments_last_hour"]
        - 0.004 * payments["days_since_first"].fillna(0)
        + 1.2 * payments["new_device"]
    )
    chance = 1 / (1 + np.exp(-score))
    return (np.random.default_rng(seed).random(len(payments)) < chance).astype(int)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/fraud/1"), help="folder to write model.txt to")
    parser.add_argument("--check", help="file (or - for standard output) to write rows and the right answers to")
    parser.add_argument("--check-rows", type=int, default=1000)
    args = parser.parse_args()

    payments = make_payments(20_000, seed=1)
    booster = lightgbm.train(PARAMETERS, lightgbm.Dataset(payments, make_labels(payments, seed=2)), TREES)
    args.out.mkdir(parents=True, exist_ok=True)
    booster.save_model(args.out / "model.txt")
    print(f"{args.out / 'model.txt'}: {TREES} trees over {', '.join(COLUMNS)}")

    if args.check:
        rows = make_payments(args.check_rows, seed=3)
        fraud = booster.predict(rows)
        check = json.dumps(
            {
                "instances": [
                    {name: None if pd.isna(value) else value for name, value in row.items()}
                    for row in rows.to_dict("records")
                ],
                "probabilities": np.column_stack([1 - fraud, fraud]).tolist(),
            }
        )
        print(check) if args.check == "-" else Path(args.check).write_text(check)


if __name__ == "__main__":
    main()
