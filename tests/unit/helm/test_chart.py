"""What can be said of the chart without Helm; tests/golden/helm renders it."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

REPO = Path(__file__).parents[3]
CHART = REPO / "helm" / "eagleray"


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHART / name).read_text())
    return loaded


def schema() -> Any:
    return Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))


def test_the_chart_has_the_operators_version() -> None:
    version = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["version"]
    chart = load("Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_the_defaults_fit_the_schema() -> None:
    assert [e.message for e in schema().iter_errors(load("values.yaml"))] == []


def test_the_schema_knows_every_default() -> None:
    assert set(schema().schema["properties"]) - {"global"} == set(load("values.yaml"))


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 2},
        {"replicaCount": -1},
        {"images": {"registry": "example.com/"}},
        {"images": {"operator": {"tag": "1"}}},
        {"watchNamespaces": "team-a"},
        {"logLevel": "loud"},
    ],
)
def test_nonsense_does_not_fit_the_schema(values: dict[str, Any]) -> None:
    assert list(schema().iter_errors(values))


@pytest.mark.parametrize("key", load("values.yaml"))
def test_every_value_is_in_the_readme(key: str) -> None:
    assert re.search(rf"`{key}[`.]", (CHART / "README.md").read_text())


@pytest.mark.parametrize("template", sorted(CHART.glob("templates/*.*")), ids=lambda p: p.name)
def test_no_permission_is_a_wildcard(template: Path) -> None:
    assert not re.search(r"""["'\[ ]\*["'\], ]""", template.read_text())
