"""Keys and TLS in front of an application: every door without a key, and Secrets that change under load."""

import base64
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from authority import Authority, Issued
from e2e.client import Client
from e2e.cluster import Cluster
from e2e.deployment import ModelDeployment
from e2e.given import ROLLOUT_NAMESPACE, Given
from e2e.scripts import script
from e2e.then import Then
from e2e.wait import NotYetError, eventually

NAME = "guarded"
KEYS, CERTIFICATE = "guarded-keys", "guarded-tls"
KEY, NEXT_KEY = "the-key-of-team-a", "the-next-key-of-team-a"
HOST = f"{NAME}.{ROLLOUT_NAMESPACE}.svc"
CA = "/tmp/guarded-ca.crt"  # noqa: S108 -- in the client's Pod
ROUTER = {"auth": {"apiKeys": {"secretName": KEYS}}, "tls": {"secretName": CERTIFICATE}}
DOORS: Any = script("doors")
Entries = Mapping[str, str]
WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
SHOWN = "import ssl, sys; print(ssl.get_server_certificate((sys.argv[1], 443)))"


@dataclass(frozen=True, slots=True)
class Guarded:
    """An application that lets in whom it knows.

    Args:
        md: the object.
        client: a Pod that trusts the authority.
        authority: signs the routers' certificates.
    """

    md: ModelDeployment
    client: Client
    authority: Authority

    @property
    def cluster(self) -> Cluster:
        return self.md.cluster

    def doors(self, key: str = "") -> dict[str, str]:
        """What every door says."""
        options = ("--ca", CA, "--revision", self.md.stable_revision(), *(("--key", key) if key else ()))
        found: dict[str, str] = json.loads(self.client.python("doors.py", HOST, "443", *options))
        return found

    def certificate(self) -> str:
        """The certificate that a new connection is shown."""
        return self.client.run_source(SHOWN, HOST)

    def put(self, name: str, entries: Entries, kind: str = "Opaque") -> None:
        """Write a Secret as it is to be from now on, and have the kubelets look at once: else they take a minute."""
        self.cluster.apply(secret(name, entries, kind))
        for pod in self.md.live_pods("router"):
            where = (pod, "-n", self.md.namespace, "--overwrite")
            self.cluster.kubectl("annotate", "pod", *where, f"touched={abs(hash(tuple(entries.items())))}")


def secret(name: str, entries: Entries, kind: str = "Opaque") -> dict[str, Any]:
    meta = {"name": name, "namespace": ROLLOUT_NAMESPACE}
    data = {entry: base64.b64encode(content.encode()).decode() for entry, content in entries.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": meta, "data": data}


def until(what: str, holds: Callable[[], bool], within: float = 150) -> None:
    def look() -> None:
        if not holds():
            raise NotYetError(what)

    eventually(what, look, within=within)


def same(pem: str, issued: Issued) -> bool:
    return ssl.PEM_cert_to_DER_cert(pem.strip()) == ssl.PEM_cert_to_DER_cert(issued.files[0].read_text())


@pytest.fixture(scope="module")
def guarded(given: Given, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    authority = Authority.made(tmp_path_factory.mktemp("keys") / "authority")
    client.run_source(WRITE, CA, stdin=authority.file.read_text())
    given.cluster.apply(secret(KEYS, {"team-a": KEY}))
    given.cluster.apply(secret(CERTIFICATE, authority.server(HOST).entries, "kubernetes.io/tls"))
    md = given.settled(given.knobs_manifest(NAME, app={"importPath": "apps:echo"}, router=ROUTER))
    yield Guarded(md, client, authority)
    given.cluster.delete("md", NAME, ROLLOUT_NAMESPACE)


def test_no_door_opens_without_a_key_and_clients_find_the_rest(guarded: Guarded) -> None:
    refused = guarded.doors()
    assert refused.pop(DOORS.CALL) == "UNAUTHENTICATED"
    assert refused.pop("CONNECT") == "UpgradeRefused"
    assert set(refused.values()) == {"KeyMissing"}, refused
    let_in = guarded.doors(KEY)
    assert {let_in[door] for door in ("a request", "a page", "by revision", DOORS.HTTP_2)} == {"200"}, let_in
    assert guarded.md.status()["url"] == f"https://{HOST}"
    assert guarded.md.condition("Exposed")["status"] == "False"


def test_keys_and_certificates_change_under_load_and_no_request_fails(guarded: Guarded, then: Then) -> None:
    routers = guarded.md.live_pods("router")
    renewed = guarded.authority.server(HOST)
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"https://{HOST}/"
    with guarded.client.load(url, body={}, expected=None, headers=headers, ca=CA) as load:
        guarded.put(KEYS, {"team-a": KEY, "team-a.next": NEXT_KEY})
        until("the next key is let in", lambda: guarded.doors(NEXT_KEY)["a request"] == "200")
        guarded.put(CERTIFICATE, renewed.entries, "kubernetes.io/tls")
        until("the new certificate is shown", lambda: same(guarded.certificate(), renewed))
    then.no_request_failed(load.result, at_least=20)

    guarded.put(KEYS, {"team-a.next": NEXT_KEY})
    until("the old key is refused", lambda: guarded.doors(KEY)["a request"] == "KeyUnknown")
    assert guarded.doors(NEXT_KEY)["a request"] == "200"
    assert guarded.md.live_pods("router") == routers, "no Pod was replaced"


def test_what_is_wrong_with_a_secret_is_said_until_it_is_mended(guarded: Guarded, then: Then) -> None:
    guarded.put(KEYS, {"team-a.next": "short"})
    then.condition(
        guarded.md,
        "Degraded",
        "True",
        reasons={"CredentialsMissing"},
        saying="the key of team-a.next has 5",
        within=150,
    )
    then.condition(guarded.md, "Ready", "False", reasons={"CredentialsMissing"}, saying="nobody is let in", within=30)
    assert guarded.doors(NEXT_KEY)["a request"] == "NoKeys"
    guarded.put(KEYS, {"team-a.next": NEXT_KEY})
    until("it is let in again", lambda: guarded.doors(NEXT_KEY)["a request"] == "200")
    until("nothing is wrong", lambda: guarded.md.condition("Degraded")["status"] == "False")
    until("it is ready", lambda: guarded.md.condition("Ready")["status"] == "True")
