"""What can be said of the chart without Helm; tests/golden/helm renders it."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from eagleray.kube.kinds import CHILDREN, EVENT, HELD, NODE, SECRET, Kind
from eagleray.runtime.app import EXIT_SECONDS
from eagleray.runtime.settings import MAX_DRAIN_SECONDS

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


def rules() -> list[dict[str, Any]]:
    helpers = (CHART / "templates" / "_helpers.tpl").read_text()
    text = helpers.partition('{{- define "eagleray.rules" -}}')[2].partition("{{- end -}}")[0]
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


def verbs_of(plural: str, group: str) -> set[str]:
    return {v for rule in rules() if plural in rule["resources"] and group in rule["apiGroups"] for v in rule["verbs"]}


@pytest.mark.parametrize("kind", HELD, ids=lambda k: k.plural)
def test_what_is_held_may_be_listed_and_watched(kind: Kind) -> None:
    assert {"list", "watch"} <= verbs_of(kind.plural, kind.group)


def test_nothing_else_is_listed_or_watched() -> None:
    found = {
        verb: {
            (plural, group)
            for rule in rules()
            if verb in rule["verbs"]
            for plural in rule["resources"]
            for group in rule["apiGroups"]
        }
        for verb in ("list", "watch")
    }
    assert found["watch"] == {(kind.plural, kind.group) for kind in HELD}
    # Of Pods that do not start, for what their kubelets say.
    assert found["list"] - found["watch"] == {(EVENT.plural, EVENT.group)}


def test_no_secret_of_anybody_is_read() -> None:
    assert verbs_of(SECRET.plural, SECRET.group) == {"create"}


def test_what_is_made_is_never_collected_at_large() -> None:
    every = {verb for rule in rules() for verb in rule["verbs"]}
    assert every == {"get", "list", "watch", "create", "patch", "update", "delete"}
    assert verbs_of("modeldeployments", "eagleray.dev") == {"get", "list", "watch"}


def test_nodes_are_watched_where_everything_is() -> None:
    text = (CHART / "templates" / "rbac.yaml").read_text()
    assert re.search(rf"resources: \[{NODE.plural}\]\n  verbs: \[list, watch\]", text)


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda k: k.plural)
def test_the_readme_names_what_may_be_done_with_each_kind(kind: Kind) -> None:
    permissions = (CHART / "README.md").read_text().partition("## Permissions")[2]
    rows = [line.split("|")[1:3] for line in permissions.splitlines() if line.startswith("|")]
    (verbs,) = (verbs for kinds, verbs in rows if kind.plural in re.split(r"[, ]+", kinds.lower()))
    assert set(re.findall(r"[a-z]+", verbs)) == verbs_of(kind.plural, kind.group)


def test_the_pod_may_take_as_long_to_end_as_the_operator_does() -> None:
    text = (CHART / "templates" / "deployment.yaml").read_text()
    (grace,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", text)
    # Then the Lease is given up, which may take two seconds.
    assert int(grace) > MAX_DRAIN_SECONDS + EXIT_SECONDS + 2
