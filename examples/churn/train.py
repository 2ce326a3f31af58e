"""Trains the churn model on data that it makes up, always the same, and writes it as model.joblib.

python train.py --out models/churn/1 --check check.json
"""

import argparse
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["tenure_months", "monthly_charges", "support_calls"]
CATEGORIES = ["contract", "payment", "internet"]


def make_customers(rows: int, seed: int) -> pd.DataFrame:
    """Customers of a telephone company; one monthly charge in fifty is missing."""
    rng = np.random.default_rng(seed)
    customers = pd.DataFrame(
        {
            "tenure_months": rng.integers(0, 73, rows),
            "monthly_charges": rng.normal(65, 25, rows).clip(18, 120).round(2),
            "support_calls": rng.poisson(1.4, rows),
            "contract": rng.choice(["month-to-month", "one-year", "two-year"], rows, p=[0.55, 0.25, 0.2]),
            "payment": rng.choice(["card", "transfer", "check"], rows),
            "internet": rng.choice(["fiber", "dsl", "none"], rows, p=[0.45, 0.35, 0.2]),
        }
    )
    customers.loc[rng.random(rows) < 0.02, "monthly_charges"] = np.nan
    return customers


def make_labels(customers: pd.DataFrame, seed: int) -> np.ndarray:
    """Who leaves: new, expensive, unhappy customers without a contract more often than others."""
    score = (
        -1.2
        - 0.045 * customers["tenure_months"]
        + 0.02 * (customers["monthly_charges"].fillna(65) - 65)
        + 0.45 * customers["support_calls"]
        + 1.1 * (customers["contract"] == "month-to-month")
        + 0.5 * (customers["internet"] == "fiber")
    )
    chance = 1 / (1 + np.exp(-score))
    return np.where(np.random.default_rng(seed).random(len(customers)) < chance, "churn", "stay")


def make_pipeline() -> Pipeline:
    numbers = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    categories = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("numbers", numbers, NUMBERS), ("categories", categories, CATEGORIES)])
    return Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=1000))])


def to_rows(customers: pd.DataFrame) -> list[dict]:
    """Rows as a request holds them: a missing value is null."""
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()} for row in customers.to_dict("records")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/churn/1"), help="folder to write model.joblib to")
    parser.add_argument("--seed", type=int, default=7, help="another seed makes up the customers of another year")
    parser.add_argument("--check", help="file (or - for standard output) to write rows and the right answers to")
    parser.add_argument("--check-rows", type=int, default=1000)
    args = parser.parse_args()

    customers = make_customers(8000, args.seed)
    labels = make_labels(customers, args.seed + 1)
    train, test, train_labels, test_labels = train_test_split(customers, labels, test_size=0.25, random_state=9)
    pipeline = make_pipeline().fit(train, train_labels)
    args.out.mkdir(parents=True, exist_ok=True)
    joblib.dump(pipeline, args.out / "model.joblib")
    print(f"{args.out / 'model.joblib'}: accuracy {pipeline.score(test, test_labels):.3f} on {len(test)} customers")

    if args.check:
        rows = make_customers(args.check_rows, seed=10)
        check = json.dumps({"instances": to_rows(rows), "predictions": pipeline.predict(rows).tolist()})
        print(check) if args.check == "-" else Path(args.check).write_text(check)


if __name__ == "__main__":
    main()
