"""Examples of applications of one's own: metrics with the labels that tell the model, and a model behind own code."""

import json

from e2e.deployment import ModelDeployment
from e2e.given import ROLLOUT_NAMESPACE, Given
from e2e.metrics import metric
from e2e.wait import NotYetError, eventually

AMOUNTS = [10, 20, 500, 900, 70]
MODEL = {"application": "monitored", "deployment": "Monitored"}


def served(given: Given, name: str) -> ModelDeployment:
    given.operator()
    return given.settled(given.own_image(name))


def test_ones_own_metrics_are_told_with_the_models_labels(given: Given) -> None:
    client, md = given.client(ROLLOUT_NAMESPACE), served(given, "monitored")
    answers = [client.ask("POST", md.url, {"amount": amount}).json()["risk"] for amount in AMOUNTS]
    assert answers == [round(amount / (amount + 80), 4) for amount in AMOUNTS]
    assert client.ask("POST", md.url, {"amount": "much"}).status == 422
    (pod,) = md.pods("worker")

    def look() -> None:
        reviewed = metric(client, pod, "ray_risk_answers_total", verdict="review", **MODEL)
        found = reviewed, metric(client, pod, "ray_risk_count", **MODEL)
        if found != (2.0, 5.0):
            raise NotYetError(f"answers to review and answers: {found}")

    eventually("the metrics are there", look, within=60)
    given.cluster.delete("md", "monitored", ROLLOUT_NAMESPACE)


def test_churn_behind_own_code_answers_as_the_model_does(given: Given) -> None:
    client, md = given.client(ROLLOUT_NAMESPACE), served(given, "churn-app")
    (pod, *_) = md.live_pods("worker")
    row = {"tenure_months": 2, "monthly_charges": None, "support_calls": 4, "contract": "month-to-month"}
    row |= {"payment": "check", "internet": "fiber"}
    local = f"""
import joblib, json, pandas as pd
model = joblib.load("/opt/models/churn/model.joblib")
row = json.loads({json.dumps(json.dumps(row))})
print(model.predict_proba(pd.DataFrame([row]))[0, list(model.classes_).index("churn")])
"""
    expected = md.in_worker(pod, local)
    answer = client.ask("POST", md.url, {"features": list(row.values())}).json()
    assert abs(answer["churn_prob"] - expected) < 1e-9
    assert client.count(md.url, 300, at_once=64, body={"features": list(row.values())}).statuses == {"200": 300}
    refused = client.ask("POST", md.url, {"features": ["two", *list(row.values())[1:]]})
    assert (refused.status, refused.json()["error"]) == (422, "tenure_months must be a number or null")
    given.cluster.delete("md", "churn-app", ROLLOUT_NAMESPACE)
