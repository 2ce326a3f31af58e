"""What worker Pods tell of themselves to Prometheus."""

from prometheus_client.parser import text_string_to_metric_families

from .client import Client
from .cluster import Manifest


def metric(client: Client, pod: Manifest, name: str, **labels: str) -> float:
    """The sum of a worker Pod's metric over the series with these labels."""
    text = client.ask("GET", f"http://{pod['status']['podIP']}:8080/metrics").body
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())
