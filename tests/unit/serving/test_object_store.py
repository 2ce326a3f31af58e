"""Downloads from object stores: against fsspec's own in memory, and by each store's client against a server like it."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
import pytest

from eagleray_serving.fetch import stores
from eagleray_serving.fetch.errors import FetchError, TransientError
from eagleray_serving.fetch.retry import with_retries
from eagleray_serving.fetch.stores import StoreDownload
from eagleray_serving.fetch.uri import ModelUri, parse_uri
from fakes.object_stores import ACCOUNT, BUCKET, CONTAINER, REPOSITORY, REVISION, ObjectStores

CONTENT = b"the model" * 300_000
MANY = 2**30
ROOTS = {"hf": f"hf://{REPOSITORY}@{REVISION}", "gs": f"gs://{BUCKET}", "az": f"az://{CONTAINER}"}


@pytest.fixture
def store() -> Iterator[Any]:
    found = fsspec.filesystem("memory")
    found.pipe({"/bucket/m/model.joblib": CONTENT, "/bucket/m/sub/notes": b"x"})
    yield found
    found.rm("/bucket", recursive=True)


class BreaksOff:
    """A store whose connections break after a mebibyte each."""

    def __init__(self, store: Any) -> None:
        self.store, self.read = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def open(self, name: str, mode: str) -> "Breaking":
        assert mode == "rb"
        return Breaking(self, self.store.cat_file(name))


class Breaking(io.BytesIO):
    """An object that can be read from once."""

    def __init__(self, store: BreaksOff, content: bytes) -> None:
        super().__init__(content)
        self.store, self.left = store, 1

    def read(self, count: int | None = -1) -> bytes:
        if not self.left:
            raise OSError("connection lost")
        found = super().read(count)
        self.left, self.store.read = self.left - 1, self.store.read + len(found)
        return found


def test_objects_and_prefixes(tmp_path: Path, store: Any) -> None:
    StoreDownload(ModelUri("s3://bucket/m/model.joblib", "s3"), tmp_path / "file", MANY, filesystem=store).attempt()
    assert (tmp_path / "file").read_bytes() == CONTENT
    StoreDownload(parse_uri("s3://bucket/m/"), tmp_path / "folder", MANY, filesystem=store).attempt()
    assert (tmp_path / "folder" / "sub" / "notes").read_bytes() == b"x"
    with pytest.raises(FetchError, match="no such object"):
        StoreDownload(parse_uri("s3://bucket/none"), tmp_path / "none", MANY, filesystem=store).attempt()
    with pytest.raises(FetchError, match=r"more than 1.0 MiB; the operator's models.maxSize"):
        StoreDownload(parse_uri("s3://bucket/m/"), tmp_path / "large", 2**20, filesystem=store).attempt()
    assert not (tmp_path / "large").exists()


def test_the_number_of_objects_has_a_bound(tmp_path: Path, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_FILES", 1)
    with pytest.raises(FetchError, match="more than 1 objects; name the folder of one model"):
        StoreDownload(parse_uri("s3://bucket/m/"), tmp_path / "folder", MANY, filesystem=store).attempt()


def test_it_goes_on_where_it_broke_off(tmp_path: Path, store: Any) -> None:
    breaking = BreaksOff(store)
    download = StoreDownload(parse_uri("s3://bucket/m"), tmp_path / "folder", MANY, filesystem=breaking)
    with_retries(download, "s3://bucket/m", pause=lambda _seconds: None)
    assert (tmp_path / "folder" / "model.joblib").read_bytes() == CONTENT
    assert breaking.read == len(CONTENT) + 1


def test_it_goes_on_with_what_was_there_before(tmp_path: Path, store: Any) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.joblib").write_bytes(CONTENT[:1000])
    reading = BreaksOff(store)
    download = StoreDownload(parse_uri("s3://bucket/m"), tmp_path / "folder", MANY, filesystem=reading)
    with_retries(download, "s3://bucket/m", pause=lambda _seconds: None)
    assert (tmp_path / "folder" / "model.joblib").read_bytes() == CONTENT
    assert reading.read == len(CONTENT) + 1 - 1000


def test_what_changed_meanwhile_is_brought_anew(tmp_path: Path, store: Any) -> None:
    download = StoreDownload(parse_uri("s3://bucket/m"), tmp_path / "folder", MANY, filesystem=BreaksOff(store))
    with pytest.raises(TransientError):
        download.attempt()
    store.pipe({"/bucket/m/model.joblib": b"new"})
    store.rm("/bucket/m/sub", recursive=True)
    with_retries(download, "s3://bucket/m", pause=lambda _seconds: None)
    assert [file.read_bytes() for file in (tmp_path / "folder").rglob("*")] == [b"new"]


@pytest.mark.parametrize(
    ("raised", "expected"), [(PermissionError("denied"), FetchError), (OSError("slow down"), TransientError)]
)
def test_errors_of_a_store(tmp_path: Path, raised: Exception, expected: type[Exception]) -> None:
    class Store:
        def invalidate_cache(self) -> None:
            """Nothing is cached."""

        def find(self, _path: str, *, detail: bool) -> None:
            assert detail
            raise raised

    with pytest.raises(expected):
        StoreDownload(parse_uri("s3://bucket/m"), tmp_path / "m", MANY, filesystem=Store()).attempt()


# Google's client alone takes seconds to be imported.
COMMANDS = """
import json, sys
from eagleray_serving.fetch.__main__ import main
for line in sys.stdin:
    print("exit status", main(json.loads(line)), flush=True)
"""


class Fetch:
    """The command of the init container, in one process for all calls: clients read the environment as they start."""

    def __init__(self, stores: ObjectStores, folder: Path) -> None:
        account = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey=a2V5;"
        self.stores, self.folder = stores, folder
        self.env = os.environ | {
            "no_proxy": "127.0.0.1",
            "HOME": str(folder),
            "HF_ENDPOINT": stores.url,
            "HF_TOKEN": "the-token",
            "STORAGE_EMULATOR_HOST": stores.url,
            "FSSPEC_GS": '{"token": "anon"}',
            "AZURE_STORAGE_CONNECTION_STRING": f"{account}BlobEndpoint={stores.url}/{ACCOUNT};",
        }

    @cached_property
    def process(self) -> subprocess.Popen[str]:
        command, pipe = [sys.executable, "-c", COMMANDS], subprocess.PIPE
        return subprocess.Popen(command, env=self.env, stdin=pipe, stdout=pipe, text=True)

    def __call__(self, uri: str) -> str:
        """The condition's message; empty if the model is there."""
        log, to = self.folder / "termination-log", self.folder / "to"
        to.mkdir(exist_ok=True)
        args = ["--uri", uri, "--to", str(to), "--termination-log", str(log), "--max-bytes", str(MANY)]
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{json.dumps(args)}\n")
        self.process.stdin.flush()
        (status,) = islice((line for line in self.process.stdout if line.startswith("exit status")), 1)
        return "" if status == "exit status 0\n" else str(json.loads(log.read_text())["message"])

    def close(self) -> None:
        """End the process."""
        self.process.communicate()

    def files(self) -> dict[str, bytes]:
        """What was fetched, by path."""
        model = self.folder / "to" / "model"
        return {str(file.relative_to(model)): file.read_bytes() for file in model.rglob("*") if file.is_file()}


@pytest.fixture
def fetch(tmp_path: Path) -> Iterator[Fetch]:
    stores = ObjectStores({"m/model.joblib": CONTENT, "m/sub/notes": b"x", "other": b"y"})
    fetch = Fetch(stores, tmp_path)
    yield fetch
    fetch.close()
    stores.close()


@pytest.mark.parametrize("scheme", ROOTS)
def test_every_stores_client_finds_files_and_folders(fetch: Fetch, scheme: str) -> None:
    assert not fetch(f"{ROOTS[scheme]}/m/model.joblib")
    assert fetch.files() == {"model.joblib": CONTENT}
    assert not fetch(f"{ROOTS[scheme]}/m")
    assert fetch.files() == {"model.joblib": CONTENT, "sub/notes": b"x"}
    told = {"hf": "Bearer the-token", "gs": "", "az": f"SharedKey {ACCOUNT}:"}[scheme]
    assert fetch.stores.credentials
    assert all(found.startswith(told) for found in fetch.stores.credentials), fetch.stores.credentials


@pytest.mark.parametrize(
    ("scheme", "words"), [("hf", "HF_TOKEN"), ("gs", "FSSPEC_GS"), ("az", "AZURE_STORAGE_CONNECTION_STRING")]
)
def test_what_is_not_there_or_not_allowed_is_said(fetch: Fetch, scheme: str, words: str) -> None:
    assert "no such object" in fetch(f"{ROOTS[scheme]}/none")
    for status in (401, 403):
        fetch.stores.denied = status
        message = fetch(f"{ROOTS[scheme]}/m")
        assert "access refused" in message
        assert f"name a Secret with {words}" in message


def test_a_store_without_an_account_says_what_to_put_where(fetch: Fetch) -> None:
    del fetch.env["AZURE_STORAGE_CONNECTION_STRING"]
    assert "a Secret with AZURE_STORAGE_CONNECTION_STRING in model.credentials" in fetch("az://container/m")
