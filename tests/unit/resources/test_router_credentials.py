"""What router Pods mount that ask who asks, and what turns it into Envoy's files."""

import base64
import json
from typing import Any

from eagleray.domain.actions.access import Access
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import CREDENTIALS_DIR, CREDENTIALS_FILE
from eagleray.resources.children import ROUTER_CHILDREN, ROUTER_TOKEN, RouterContext
from eagleray.resources.pod import PodSettings
from eagleray.resources.router_credentials import TOKEN_VARIABLE
from eagleray.resources.secret import router_token
from eagleray.router.config import rendered
from eagleray_credentials import sources

OPEN = RouterConfig("churn", "models")
GUARDED = RouterConfig("churn", "models", access=Access(keys="churn-keys"))
TOKEN = router_token(b"key", "models", "churn")
OWNER = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u-1"}


def context(config: RouterConfig) -> RouterContext:
    return RouterContext(config, rendered(config), "eagleray/router:1", OWNER, PodSettings(), TOKEN)


def child(kind: str, config: RouterConfig) -> Any:
    return next(each.build(context(config)) for each in ROUTER_CHILDREN if each.kind == kind)


def pod(config: RouterConfig) -> Any:
    return child("Deployment", config)["spec"]["template"]["spec"]


def test_who_asks_nobody_mounts_nothing_of_others() -> None:
    assert "initContainers" not in pod(OPEN)
    assert [volume["name"] for volume in pod(OPEN)["volumes"]] == ["config"]
    assert [container["name"] for container in pod(OPEN)["containers"]] == ["envoy"]
    assert CREDENTIALS_FILE not in rendered(OPEN).files


def test_a_pod_starts_without_the_users_secret_and_keeps_what_is_made_of_it_in_memory() -> None:
    volumes = {volume["name"]: volume for volume in pod(GUARDED)["volumes"]}
    assert volumes["keys"]["secret"] == {"secretName": "churn-keys", "optional": True}
    assert volumes["made"]["emptyDir"]["medium"] == "Memory"


def test_envoy_has_what_is_made_and_the_program_alone_the_secrets() -> None:
    (first,), (envoy, beside) = pod(GUARDED)["initContainers"], pod(GUARDED)["containers"]
    assert {m["name"] for m in envoy["volumeMounts"]} == {"config", "made"}
    assert {m["mountPath"]: m.get("readOnly", False) for m in envoy["volumeMounts"]}[CREDENTIALS_DIR] is True
    assert {m["name"] for m in beside["volumeMounts"]} == {"config", "made", "keys"}
    assert first["volumeMounts"] == beside["volumeMounts"]
    assert [a for a in first["args"] if a not in beside["args"]] == ["--once"]
    assert "env" not in envoy


def test_the_token_is_in_the_secret_alone() -> None:
    secret = ROUTER_TOKEN.build(context(GUARDED))
    assert base64.b64decode(secret["data"]["token"]).decode() == TOKEN
    assert secret["metadata"]["name"] == "churn-router-auth"
    (variable,) = pod(GUARDED)["containers"][1]["env"]
    assert variable == {
        "name": TOKEN_VARIABLE,
        "valueFrom": {"secretKeyRef": {"name": "churn-router-auth", "key": "token"}},
    }
    assert TOKEN not in json.dumps([each.build(context(GUARDED)) for each in ROUTER_CHILDREN])


def test_the_program_knows_what_it_is_told() -> None:
    order = json.loads(rendered(GUARDED).files[CREDENTIALS_FILE])
    assert {source["kind"] for source in order["sources"].values()} <= sources.KINDS.keys()
    assert sources.TOKEN_VARIABLE == TOKEN_VARIABLE
    words = {f"${name}" for name in order["sources"]}
    assert {word for word in json.dumps(order["files"]).split('"') if word.startswith("$")} == words
