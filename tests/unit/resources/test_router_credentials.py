"""What router Pods mount that ask who asks, and what turns it into Envoy's files."""

import base64
import json
from typing import Any

from eagleray.domain.actions.access import Access, Issuer, Mounted, Tls
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import CREDENTIALS_DIR, CREDENTIALS_FILE
from eagleray.resources.children import ROUTER_CHILDREN, ROUTER_TOKEN, RouterContext
from eagleray.resources.pod import PodSettings
from eagleray.resources.router_credentials import TOKEN_VARIABLE
from eagleray.resources.secret import router_token
from eagleray.router.config import rendered
from eagleray_credentials import sources

OPEN = RouterConfig("churn", "models")
GUARDED = RouterConfig("churn", "models", access=Access(keys=Mounted("Secret", "churn-keys")))
TLS = Tls(Mounted("Secret", "churn-tls"), client_ca=Mounted("ConfigMap", "clients-ca"))
ISSUERS = (
    Issuer("https://a.example.com", ("churn",), Mounted("ConfigMap", "idp")),
    Issuer("https://b.example.com", ("churn",), "https://b.example.com/jwks.json"),
)
WHOLE = RouterConfig("churn", "models", access=Access(Mounted("Secret", "churn-keys"), ISSUERS, tls=TLS))
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
    order = json.loads(rendered(WHOLE).files[CREDENTIALS_FILE])
    assert {source["kind"] for source in order["sources"].values()} <= sources.KINDS.keys()
    assert sources.TOKEN_VARIABLE == TOKEN_VARIABLE
    words = {f"${name}" for name in order["sources"]} | {"$certificate.key"}
    assert {word for word in json.dumps(order["files"]).split('"') if word.startswith("$")} == words


def test_with_tls_the_service_is_https_and_probes_keep_to_the_ops_port() -> None:
    (port,) = child("Service", WHOLE)["spec"]["ports"]
    assert (port["name"], port["port"], port["targetPort"]) == ("https", 443, "http")
    (plain,) = child("Service", GUARDED)["spec"]["ports"]
    assert (plain["name"], plain["port"]) == ("http", 80)
    envoy = pod(WHOLE)["containers"][0]
    assert envoy["readinessProbe"]["httpGet"]["port"] == envoy["livenessProbe"]["tcpSocket"]["port"] == "ops"


def test_what_is_mounted_has_a_folder_each() -> None:
    volumes = {volume["name"]: volume for volume in pod(WHOLE)["volumes"]}
    assert volumes["certificate"]["secret"] == {"secretName": "churn-tls", "optional": True}
    assert volumes["client-ca"]["configMap"] == {"name": "clients-ca", "optional": True}
    assert volumes["jwks-0"]["configMap"] == {"name": "idp", "optional": True}
    assert "jwks-1" not in volumes
    order = json.loads(rendered(WHOLE).files[CREDENTIALS_FILE])
    mounted = {m["mountPath"] for m in pod(WHOLE)["containers"][1]["volumeMounts"]}
    assert {source["folder"] for source in order["sources"].values() if "folder" in source} <= mounted


def test_where_no_client_may_name_a_revision_the_operator_has_a_door_of_its_own() -> None:
    closed = RouterConfig("churn", "models", version_header=False)
    assert [c["name"] for c in pod(closed)["containers"]] == ["envoy", "credentials"]
    assert [volume["name"] for volume in pod(closed)["volumes"]] == ["config", "made"], "nothing of others"
    order = json.loads(rendered(closed).files[CREDENTIALS_FILE])
    assert order["sources"].keys() == {"warmup"}
    assert {kind["kind"] for kind in order["sources"].values()}.isdisjoint(sources.KNOW_CLIENTS)
