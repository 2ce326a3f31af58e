"""Models in registries: artifacts and images, who may read them, and what is refused."""

import json
from collections.abc import Iterator

import pytest

from eagleray_serving.fetch import retry
from eagleray_serving.fetch.errors import Reason
from eagleray_serving.fetch.registry import is_of_domain
from fakes.oci import EMPTY, TAR, Behaviour, OciRegistry, Stored, artifact, image, index, stored, tar
from unit.serving.fetch_rig import CONTENT, SHA, Run

MODEL = artifact({"model.joblib": CONTENT})
TITLE = "org.opencontainers.image.title"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[OciRegistry]:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("OCI_PLAIN_HTTP", "true")
    monkeypatch.setattr(retry, "_FIRST_PAUSE", 0.0)
    opened = OciRegistry()
    yield opened
    opened.close()


def files(run: Run) -> dict[str, bytes]:
    return {str(file.relative_to(run.model)): file.read_bytes() for file in run.model.rglob("*") if file.is_file()}


def test_an_artifact_is_its_files(run: Run, registry: OciRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    content = {"model.joblib": CONTENT, "notes/a.txt": b"a", "notes/b.txt": b"a", "empty": b""}
    assert run(registry.put("v1", artifact(content))) == 0
    assert files(run) == content
    assert "100 %" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["v1", MODEL.digest])
def test_a_tag_or_a_digest_names_it(run: Run, registry: OciRegistry, name: str) -> None:
    registry.put("v1", MODEL)
    assert run(registry.uri(name), "--sha256", SHA) == 0
    assert run(registry.uri(name), "--sha256", "0" * 64) == 1
    assert run.reason == Reason.CHECKSUM_MISMATCH


def test_a_folder_that_was_pushed_is_unpacked(run: Run, registry: OciRegistry) -> None:
    notes = {TITLE: "model", "io.deis.oras.content.unpack": "true"}
    pushed = stored([(tar({"model/model.onnx": b"x", "model/model.data": b"y"}), f"{TAR}+gzip", notes)])
    assert run(registry.put("v1", pushed)) == 0
    assert files(run) == {"model/model.onnx": b"x", "model/model.data": b"y"}


def test_of_an_image_it_is_the_folder_models(run: Run, registry: OciRegistry) -> None:
    system = tar({"bin/busybox": b"#!", "modelsheet": b"no"}, links={"bin/sh": "busybox"})
    layers = (
        system,
        tar({"models/1/model.onnx": b"old", "models/labels": b"a"}),
        tar({"./models/1/model.onnx": b"new"}),
    )
    assert run(registry.put("v1", image(*layers))) == 0
    assert files(run) == {"1/model.onnx": b"new", "labels": b"a"}


@pytest.mark.parametrize(("machine", "expected"), [("aarch64", b"arm"), ("x86_64", b"amd"), ("riscv64", b"arm")])
def test_of_several_images_it_is_this_machines(
    run: Run, registry: OciRegistry, monkeypatch: pytest.MonkeyPatch, machine: str, expected: bytes
) -> None:
    both = {"arm64": artifact({"m": b"arm"}), "amd64": artifact({"m": b"amd"})}
    for each in both.values():
        registry.put(each.digest, each)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert run(registry.put("v1", index(both))) == 0
    assert files(run) == {"m": expected}


def test_a_broken_download_goes_on_where_it_broke_off(run: Run, registry: OciRegistry) -> None:
    registry.behaviour = Behaviour(breaks=3)
    assert run(registry.put("v1", MODEL)) == 0
    assert [asked.range for asked in registry.of_blobs()] == [None, *(f"bytes={n}000-" for n in (1, 2, 3))]
    assert files(run) == {"model.joblib": CONTENT}


def test_a_registry_without_ranges_is_asked_anew(run: Run, registry: OciRegistry) -> None:
    registry.behaviour = Behaviour(breaks=1, ranges_served=False)
    assert run(registry.put("v1", MODEL)) == 0
    assert [asked.range for asked in registry.of_blobs()] == [None, "bytes=1000-", None]
    assert files(run) == {"model.joblib": CONTENT}


def test_what_has_another_digest_is_asked_for_again_and_never_used(run: Run, registry: OciRegistry) -> None:
    uri = registry.put("v1", MODEL)
    registry.blobs = {name: content[::-1] for name, content in registry.blobs.items()}
    assert run(uri) == 1
    assert "came damaged" in run.message
    assert len(registry.of_blobs()) == retry.ATTEMPTS
    assert not run.model.exists()


def test_a_manifest_with_another_digest_is_not_used(run: Run, registry: OciRegistry) -> None:
    registry.manifests[MODEL.digest] = artifact({"other": b"x"}).manifest
    assert run(registry.uri(MODEL.digest)) == 1
    assert f"is not the one of {MODEL.digest}" in run.message


LOGIN = "me:secret"
CONFIG = {"username": "me", "password": "secret"}


@pytest.mark.parametrize("challenge", ["Basic", "Bearer"])
@pytest.mark.parametrize("how", ["variables", "auth", "username"])
def test_credentials(
    run: Run, registry: OciRegistry, monkeypatch: pytest.MonkeyPatch, challenge: str, how: str
) -> None:
    registry.behaviour = Behaviour(challenge=challenge, login=LOGIN)
    if how == "variables":
        monkeypatch.setenv("OCI_USERNAME", "me")
        monkeypatch.setenv("OCI_PASSWORD", "secret")
        monkeypatch.setenv("OCI_REGISTRY", registry.address)
    else:
        entry = CONFIG if how == "username" else {"auth": "bWU6c2VjcmV0"}
        others = {"other.example": {"auth": "eA=="}}
        config = {"auths": {**others, f"http://{registry.address}/v1/": entry}}
        monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps(config))
    assert run(registry.put("v1", MODEL)) == 0
    assert files(run) == {"model.joblib": CONTENT}


def test_anybody_gets_a_token_for_what_is_public(run: Run, registry: OciRegistry) -> None:
    registry.behaviour = Behaviour(challenge="Bearer")
    assert run(registry.put("v1", MODEL)) == 0
    (path,) = [asked.path for asked in registry.asked if asked.path.startswith("/token")]
    assert path == "/token?service=r&scope=repository%3Apull"


def test_credentials_stay_with_the_registry(run: Run, registry: OciRegistry) -> None:
    registry.behaviour = Behaviour(challenge="Bearer", redirects=True)
    assert run(registry.put("v1", MODEL)) == 0
    assert [asked.authorization for asked in registry.asked if asked.path.startswith("/elsewhere/")] == [None]


@pytest.mark.parametrize("challenge", ["Basic", "Bearer"])
@pytest.mark.parametrize("password", [None, "wrong"])
def test_who_may_not_read_it_is_told_how_to_be_let_in(
    run: Run, registry: OciRegistry, monkeypatch: pytest.MonkeyPatch, challenge: str, password: str | None
) -> None:
    registry.behaviour = Behaviour(challenge=challenge, login=LOGIN)
    if password:
        monkeypatch.setenv("OCI_USERNAME", "me")
        monkeypatch.setenv("OCI_PASSWORD", password)
        monkeypatch.setenv("OCI_REGISTRY", registry.address)
    assert run(registry.put("v1", MODEL)) == 1
    assert run.reason == Reason.DOWNLOAD_FAILED
    assert "401" in run.message
    assert "model.credentials, with OCI_USERNAME, OCI_PASSWORD and OCI_REGISTRY" in run.message


def test_a_password_is_not_sent_without_tls_for_a_registry_that_has_it(
    run: Run, registry: OciRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OCI_PLAIN_HTTP")
    assert run(registry.put("v1", MODEL)) == 1
    assert "OCI_PLAIN_HTTP=true in the Secret" in run.message
    assert registry.asked == []


@pytest.mark.parametrize(
    ("what", "reason", "words"),
    [
        (image(tar({"bin/sh": b""})), Reason.DOWNLOAD_FAILED, "no folder /models"),
        (image(tar({"models/.wh.a": b""})), Reason.ARCHIVE_REFUSED, "deletes files of /models ('.wh.a')"),
        (image(tar({}, links={"models/a": "/etc/passwd"})), Reason.ARCHIVE_REFUSED, "'a' is a link"),
        (image(b"no archive"), Reason.ARCHIVE_REFUSED, "cannot be unpacked"),
        (artifact({"../../etc/passwd": b""}), Reason.ARCHIVE_REFUSED, "points outside"),
        (stored([(b"x", f"{TAR}+zstd", {})]), Reason.ARCHIVE_REFUSED, "zstd; build the image with gzip"),
        (stored([(b"x", "application/x-gguf", {})]), Reason.ARCHIVE_REFUSED, "push files with `oras push`"),
        (stored([(b"{}", EMPTY, {})]), Reason.DOWNLOAD_FAILED, "lists no layers"),
        (Stored(b"<html>", {}), Reason.DOWNLOAD_FAILED, "is no manifest"),
        (Stored(b"[1]", {}), Reason.DOWNLOAD_FAILED, "is no manifest"),
        (Stored(b'{"layers": [{"size": 1}]}', {}), Reason.DOWNLOAD_FAILED, "is no manifest"),
        (image(tar({"models/m": b"0" * 2000})), Reason.ARCHIVE_REFUSED, "unpacks to more than 1.0 KiB"),
        (artifact({"m": b"0" * 1025}), Reason.DOWNLOAD_FAILED, "more than 1.0 KiB; the operator's models.maxSize"),
    ],
)  # fmt: skip
def test_what_is_refused(run: Run, registry: OciRegistry, what: Stored, reason: Reason, words: str) -> None:
    uri = registry.put("v1", what)
    assert run(uri, "--max-bytes", "1024") == 1
    assert (run.reason, words in run.message) == (reason, True), run.message
    assert not run.model.exists()


def test_what_is_not_there_is_said_at_once(run: Run, registry: OciRegistry) -> None:
    assert run(registry.uri("v2"), "--sha256", SHA) == 1
    assert "no such repository, tag or digest" in run.message
    assert len(registry.asked) == 1


@pytest.mark.parametrize(
    "uri",
    [
        "oci://host",
        "oci://host/",
        "oci://host/Models",
        "oci://host/m@sha256:abc",
        "oci://host/m?x=1",
    ],
)
def test_a_uri_that_names_nothing(run: Run, uri: str) -> None:
    assert run(uri) == 1
    assert run.reason == Reason.UNSUPPORTED_URI
    assert "write oci://<registry>/<repository>:<tag>" in run.message


def test_a_password_is_for_the_registry_that_its_secret_names(
    run: Run, registry: OciRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = registry.put("v1", MODEL)
    registry.behaviour = Behaviour(challenge="Basic", login=LOGIN)
    monkeypatch.setenv("OCI_USERNAME", "me")
    monkeypatch.setenv("OCI_PASSWORD", "secret")
    assert run(uri) == 1
    assert f"write OCI_REGISTRY={registry.address} into it" in run.message
    monkeypatch.setenv("OCI_REGISTRY", "ghcr.io")
    assert run(uri) == 1
    assert "401" in run.message
    assert {asked.authorization for asked in registry.asked} == {None}


@pytest.mark.parametrize("how", ["variables", "auth"])
def test_a_password_goes_to_no_token_server_of_others(
    run: Run, registry: OciRegistry, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    other = OciRegistry()
    realm = f"http://localhost:{other.address.rpartition(':')[2]}/token"
    registry.behaviour = Behaviour(challenge="Bearer", login=LOGIN, realm=realm)
    if how == "variables":
        for name, value in {"USERNAME": "me", "PASSWORD": "secret", "REGISTRY": registry.address}.items():
            monkeypatch.setenv(f"OCI_{name}", value)
    else:
        monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {registry.address: CONFIG}}))
    assert run(registry.put("v1", MODEL)) == 1
    assert "asks for the password to be sent to localhost, which is not of its domain; it is not sent" in run.message
    assert other.asked == []
    other.close()


@pytest.mark.parametrize(
    ("realm", "registry", "own"),
    [
        ("ghcr.io", "ghcr.io", True),
        ("auth.docker.io", "registry-1.docker.io", True),
        ("gitlab.com", "registry.gitlab.com", True),
        ("api.digitalocean.com", "registry.digitalocean.com", True),
        ("evil.com", "registry.gitlab.com", False),
        ("evilgitlab.com", "registry.gitlab.com", False),
        ("evil.io", "ghcr.io", False),
        ("io", "ghcr.io", False),
        ("10.0.0.8", "10.0.0.7", False),
        ("1.0.0.7", "10.0.0.7", False),
        ("localhost", "127.0.0.1", False),
        ("", "ghcr.io", False),
    ],
)
def test_whose_token_server_it_is(realm: str, registry: str, *, own: bool) -> None:
    assert is_of_domain(realm, registry) is own


def test_what_comes_without_tls_needs_a_digest_or_a_checksum(run: Run, registry: OciRegistry) -> None:
    registry.put("v1", MODEL)
    assert run(registry.uri("v1")) == 1
    assert run.reason == Reason.UNSUPPORTED_URI
    assert "name it by its digest (…@sha256:…), or write model.sha256" in run.message
    assert registry.asked == []
    assert run(registry.uri("v1"), "--sha256", SHA) == 0
    assert run(registry.uri(MODEL.digest)) == 0
