"""What can be said of the admission policies without an API server; tests/e2e/test_policies.py asks one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from eagleray.api.crd.manifest import root_schema
from eagleray.api.pod_spec import VOLUME_SOURCES
from eagleray.api.runtime_env import REFUSED_PLUGINS
from eagleray.api.units import DURATION_PATTERN
from eagleray.domain.facts import labels
from eagleray.domain.goals.verbs import Verb
from eagleray.kube.kinds import CHILDREN, REPLICA_SET, SECRET, Kind
from eagleray.kube.token_key import SECRET_NAME
from eagleray.resources.owner import owner_reference, reference_to

HERE = Path(__file__).parent
REPO = HERE.parents[2]
GOLDEN = REPO / "tests" / "golden"
RULES: list[dict[str, Any]] = yaml.safe_load((REPO / "helm/eagleray/files/tenants.yaml").read_text())["rules"]
NO_RULE: list[dict[str, str]] = yaml.safe_load((HERE / "no_rule.yaml").read_text())
TABLE: dict[str, Any] = yaml.safe_load((HERE / "policies.yaml").read_text())
# As Helm renders them; the golden test sees that it still does.
RENDERED = [m for m in yaml.safe_load_all((GOLDEN / "helm/policies.yaml").read_text()) if m]
POLICIES = {
    m["metadata"]["name"].removeprefix("eagleray-"): m["spec"]
    for m in RENDERED
    if m["kind"] == "ValidatingAdmissionPolicy"
}


def words(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The fields below a schema that hold words of the user's own: no enum, number, duration or quantity."""
    kind = schema.get("type")
    below = f"{path}[]" if kind == "array" else path
    for name, field in schema.get("properties", {}).items():
        yield from words(field, f"{path}.{name}".lstrip("."))
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from words(inner, below)
    rules = json.dumps(schema.get("x-kubernetes-validations", []))
    text = kind == "string" and "enum" not in schema and json.dumps(DURATION_PATTERN)[1:-1] not in rules
    if text or schema.get("x-kubernetes-preserve-unknown-fields"):
        yield below


def fields() -> set[str]:
    """Paths in spec; what a version says for itself is found at the same path."""
    found = [*words(root_schema()["properties"]["spec"])]
    top = {path for path in found if not path.startswith("versions[].")}
    return top | {path for path in found if path.removeprefix("versions[].") not in top}


def within(path: str, other: str) -> bool:
    return re.match(rf"{re.escape(other)}($|[.\[{{])", path) is not None


def ruled(field: str) -> bool:
    """Whether a rule looks at the field, at something in it where it may hold anything, or at all names beside it."""
    places = [(path, path.removesuffix("{}").removesuffix("."), rule) for rule in RULES for path in rule["fields"]]
    return any(
        within(at, field) or (path != at and "only" not in rule and within(field, at)) for path, at, rule in places
    )


def test_every_field_that_names_something_has_a_rule_or_a_reason_for_none() -> None:
    open_fields = {f for f in fields() if not ruled(f) and not any(within(f, each["field"]) for each in NO_RULE)}
    assert not open_fields, "add them to helm/eagleray/files/tenants.yaml, or to no_rule.yaml with the reason"


def test_no_rule_and_no_reason_is_of_a_field_that_is_gone() -> None:
    known = fields()
    stale = [each["field"] for each in NO_RULE if not any(within(field, each["field"]) for field in known)]
    looked_at = {path for rule in RULES for path in rule["fields"]}
    of_nothing = [path for path in looked_at if not any(within(path, field) for field in parents(known))]
    assert (stale, of_nothing) == ([], [])


def parents(known: set[str]) -> set[str]:
    """The fields, and the objects that `{}` looks into."""
    return known | {"router", *(field.rpartition(".")[0] for field in known if field.endswith(".podTemplate.spec"))}


def test_what_has_a_reason_for_none_has_no_rule() -> None:
    assert not [each["field"] for each in NO_RULE for rule in RULES if each["field"] in rule["fields"]]


def says(validation: dict[str, Any], refused: str) -> bool:
    """Whether words are the beginning of a rule's message, as far as that is no expression."""
    if "messageExpression" not in validation:
        return str(validation["message"]).startswith(refused)
    return refused.startswith(validation["messageExpression"].split("'")[1])


REFUSED = [row for row in TABLE["rows"] if "refused" in row and row.get("by") != "Kubernetes"]


def of(row: dict[str, Any]) -> list[tuple[str, int]]:
    """The rules whose sentence the row expects."""
    return [
        (name, number)
        for name, policy in POLICIES.items()
        for number, validation in enumerate(policy["validations"])
        if says(validation, row["refused"])
    ]


def test_every_rule_refuses_something() -> None:
    every = {(name, number) for name, policy in POLICIES.items() for number, _ in enumerate(policy["validations"])}
    assert {rule for row in REFUSED for rule in of(row)} == every


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: str(row["case"]))
def test_a_refusal_is_one_rules(row: dict[str, Any]) -> None:
    assert len(of(row)) == 1


def test_every_annotation_is_tried() -> None:
    assert [*TABLE["tenants"]] == [rule["entry"] for rule in RULES]


def test_a_message_names_a_remedy() -> None:
    texts = [v.get("message") or v["messageExpression"] for p in POLICIES.values() for v in p["validations"]]
    assert [text for text in texts if ";" not in text and ", and replaces" not in text] == []


def test_each_verb_is_asked_of_rbac() -> None:
    validations = POLICIES["verbs"]["validations"]
    asked = {verb for v in validations for verb in re.findall(r"\?'([^']+)'", v["expression"])}
    assert asked == set(Verb)
    (role,) = (m for m in RENDERED if m["metadata"]["name"] == "eagleray-rollouts")
    assert {f"eagleray.dev/{verb}" for verb in role["rules"][0]["verbs"]} == set(Verb)


@pytest.mark.parametrize("kind", [k for k in (*CHILDREN, SECRET) if k != REPLICA_SET], ids=lambda kind: kind.plural)
def test_what_the_operator_writes_is_judged(kind: Kind) -> None:
    judged = POLICIES["operator-writes"]["matchConstraints"]["resourceRules"]
    assert any(kind.plural in rule["resources"] and kind.group in rule["apiGroups"] for rule in judged)


def test_volumes_without_an_entry_are_of_kinds_that_restricted_pods_have() -> None:
    (rule,) = (rule for rule in RULES if rule["entry"] == "volumes")
    assert set(rule["but"]) - {"name"} < VOLUME_SOURCES


def test_parts_of_a_runtime_env_without_an_entry_are_none_that_is_refused() -> None:
    (rule,) = (rule for rule in RULES if rule["entry"] == "runtimeEnv")
    assert not set(rule["but"]) & REFUSED_PLUGINS.keys()


def test_the_operators_own_key_is_known() -> None:
    for name in ("operator-writes", "operator-secrets"):
        assert any(f"'{SECRET_NAME}'" in c["expression"] for c in POLICIES[name]["matchConditions"])


MADE: list[dict[str, Any]] = [
    manifest
    for name in ("ray-pods", "router-objects")
    for manifest in json.loads((GOLDEN / f"{name}.json").read_text())
]
"""What the operator makes, by its golden files."""


def test_an_owner_controls() -> None:
    assert owner_reference("churn", "1")["controller"] is True
    assert (
        reference_to({"apiVersion": "apps/v1", "kind": "a", "metadata": {"name": "b", "uid": "c"}})["controller"]
        is True
    )


@pytest.mark.parametrize("manifest", MADE, ids=lambda m: f"{m['kind']}/{m['metadata']['name']}")
def test_what_the_operator_makes_is_taken(manifest: dict[str, Any]) -> None:
    meta, spec = manifest["metadata"], manifest.get("spec", {})
    assert meta["labels"][labels.MANAGED_BY] == labels.MANAGER
    assert meta["ownerReferences"]
    if manifest["kind"] in {"Pod", "Deployment"}:
        pod = spec["template"]["spec"] if manifest["kind"] == "Deployment" else spec
        assert pod["automountServiceAccountToken"] is False
    if manifest["kind"] == "Secret":
        assert manifest["type"] == "Opaque"
        assert meta["name"].endswith("-auth")
