"""Downloads from servers whose certificate only `caBundle` vouches for, by every store's client."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eagleray.resources.volumes import CA_VARIABLES
from fakes.object_stores import ACCOUNT, BUCKET, CONTAINER, REPOSITORY, REVISION, ObjectStores

CONTENT = b"the model"
PLACES = {
    "hf": f"hf://{REPOSITORY}@{REVISION}/m/model.joblib",
    "gs": f"gs://{BUCKET}/m/model.joblib",
    "az": f"az://{CONTAINER}/m/model.joblib",
    "https": "",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for loopback that nobody has signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "ca.crt", folder / "tls.key"
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stores")
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate))
    subprocess.run([*request, *names], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def stores(certificate: tuple[Path, Path]) -> Iterator[ObjectStores]:
    found = ObjectStores({"m/model.joblib": CONTENT})
    found.by_tls(*certificate)
    yield found
    found.close()


def fetched(stores: ObjectStores, place: str, folder: Path, bundle: Path | None) -> bytes | None:
    """What the init container fetches; None where it fails."""
    url = f"https://{stores.address}"
    account = f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey=a2V5;"
    env = {name: value for name, value in os.environ.items() if name not in CA_VARIABLES} | {
        "no_proxy": "127.0.0.1",
        "HOME": str(folder),
        "HF_ENDPOINT": url,
        "STORAGE_EMULATOR_HOST": url,
        "FSSPEC_GS": '{"token": "anon"}',
        "AZURE_STORAGE_CONNECTION_STRING": f"{account}BlobEndpoint={url}/{ACCOUNT};",
        **(dict.fromkeys(CA_VARIABLES, str(bundle)) if bundle else {}),
    }
    to = folder / "to"
    to.mkdir()
    uri = place or f"{url}/{ACCOUNT}/{CONTAINER}/m/model.joblib"
    args = ["--uri", uri, "--to", str(to), "--termination-log", str(folder / "log"), "--max-bytes", "1000"]
    subprocess.run([sys.executable, "-m", "eagleray_serving.fetch", *args], env=env, check=False)
    files = [file for file in (to / "model").rglob("*") if file.is_file()]
    return files[0].read_bytes() if files else None


@pytest.mark.parametrize("scheme", PLACES)
def test_every_stores_client_trusts_the_bundle(
    scheme: str, stores: ObjectStores, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    assert fetched(stores, PLACES[scheme], tmp_path, certificate[0]) == CONTENT
