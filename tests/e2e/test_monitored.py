"""The example `monitored`: metrics of one's own, with the labels that tell the model."""

from prometheus_client.parser import text_string_to_metric_families

from e2e.given import ROLLOUT_NAMESPACE, Given, example
from e2e.wait import NotYetError, eventually

AMOUNTS = [10, 20, 500, 900, 70]
MODEL = {"application": "monitored", "deployment": "Monitored"}


def value(text: str, name: str, **labels: str) -> float:
    """The sum of a metric over the series with these labels."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def test_ones_own_metrics_are_told_with_the_models_labels(given: Given) -> None:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    manifest = example("monitored", ROLLOUT_NAMESPACE)
    manifest["spec"]["image"] = given.cluster.images["monitored"]
    md = given.settled(manifest)
    answers = [client.ask("POST", md.url, {"amount": amount}).json()["risk"] for amount in AMOUNTS]
    assert answers == [round(amount / (amount + 80), 4) for amount in AMOUNTS]
    assert client.ask("POST", md.url, {"amount": "much"}).status == 422
    (pod,) = md.pods("worker")

    def look() -> None:
        text = client.ask("GET", f"http://{pod['status']['podIP']}:8080/metrics").body
        found = value(text, "ray_risk_answers_total", verdict="review", **MODEL), value(text, "ray_risk_count", **MODEL)
        if found != (2.0, 5.0):
            raise NotYetError(f"answers to review and answers: {found}")

    eventually("the metrics are there", look, within=60)
    given.cluster.delete("md", "monitored", ROLLOUT_NAMESPACE)
