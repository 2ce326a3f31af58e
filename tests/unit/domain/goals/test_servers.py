"""Which servers that know figures a spec may name."""

from collections.abc import Iterator
from typing import Any

import pytest

from eagleray.api.crd.manifest import root_schema
from eagleray.api.spec import ModelDeploymentSpec
from eagleray.domain.goals.servers import Servers, origin

KNOWN = "http://prometheus.monitoring:9090"
OTHER = "http://10.96.0.1:6443"
SERVERS = Servers.read([KNOWN])


def figure(server: str) -> dict[str, Any]:
    return {"metrics": [{"name": "loss", "max": "1", "prometheus": {"server": server, "query": "up"}}]}


def judge(url: str) -> dict[str, Any]:
    return {"metrics": [{"name": "loss", "max": "1", "web": {"url": url}}]}


def scaling(server: str) -> dict[str, Any]:
    metric = {"type": "Prometheus", "server": server, "query": "up", "target": 1}
    return {"maxReplicas": 2, "metrics": [metric]}


PLACES: dict[str, Any] = {
    "rollout.analysis.metrics[].prometheus.server": lambda url: {"rollout": {"analysis": figure(url)}},
    "rollout.analysis.metrics[].web.url": lambda url: {"rollout": {"analysis": judge(url)}},
    "rollout.steps[].analysis.metrics[].web.url": lambda url: {
        "rollout": {"steps": [{"setWeight": 5}, {"analysis": judge(url)}]}
    },
    "autoscaling.metrics[].server": lambda url: {"autoscaling": scaling(url)},
}


def spec(**fields: Any) -> ModelDeploymentSpec:
    return ModelDeploymentSpec.model_validate({"model": {"framework": "sklearn", "uri": "pvc://m/1"}} | fields)


WHERE = ("analysis", "steps[].analysis")


def urls(schema: Any, path: str = "") -> Iterator[str]:
    """The fields of a schema that are URLs of servers."""
    if any("write a whole URL" in rule.get("message", "") for rule in schema.get("x-kubernetes-validations", ())):
        yield path.removeprefix(".")
    for name, part in schema.get("properties", {}).items():
        yield from urls(part, f"{path}.{name}")
    if "items" in schema:
        yield from urls(schema["items"], f"{path}[]")


def test_every_field_that_names_a_server_is_looked_at() -> None:
    found = set(urls(root_schema()["properties"]["spec"]))
    within = {"versions[].", "app.deployments[].", "versions[].app.deployments[]."}
    tops = {field for field in found if not field.startswith(tuple(within))}
    # Of an analysis there is one in the rollout, and one in each step.
    whole = {f"rollout.{where}.metrics[].{url}" for where in WHERE for url in ("prometheus.server", "web.url")}
    assert tops == {*whole, "autoscaling.metrics[].server"}
    assert {field.partition("autoscaling.")[2] for field in found - tops} == {"metrics[].server"}


@pytest.mark.parametrize("field", PLACES)
def test_wherever_a_server_is_named_it_is_looked_at(field: str) -> None:
    assert SERVERS.refusal(spec(**PLACES[field](KNOWN))) == ""
    refusal = SERVERS.refusal(spec(**PLACES[field](OTHER)))
    assert refusal.startswith(f"{field}: this operator does not ask {OTHER} (analysis.allowedServers of the chart)")
    assert Servers().refusal(spec(**PLACES[field](OTHER))) == ""


def test_versions_and_deployments_are_looked_at_too() -> None:
    versions = [
        {"name": "a", "weight": 50, "autoscaling": scaling(OTHER)},
        {"name": "b", "weight": 50, "autoscaling": scaling(KNOWN)},
    ]
    assert OTHER in SERVERS.refusal(spec(versions=versions))
    deployments = [{"name": "A", "autoscaling": scaling(OTHER)}, {"name": "B"}]
    app = ModelDeploymentSpec.model_validate({"app": {"importPath": "a:b", "deployments": deployments}})
    assert OTHER in SERVERS.refusal(app)


@pytest.mark.parametrize(
    "url",
    ["", "prometheus:9090", "ftp://prometheus", "http://me@prometheus", "http://p?x=1", "http://p#x", "http://p:x"],
)
def test_what_says_more_or_less_than_where_a_server_is_names_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        origin(url)
