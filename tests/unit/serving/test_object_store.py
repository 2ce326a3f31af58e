"""Downloads from object stores, against fsspec's own store in memory and one that breaks off."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from eagleray_serving.fetch.errors import FetchError, TransientError
from eagleray_serving.fetch.retry import with_retries
from eagleray_serving.fetch.stores import StoreDownload
from eagleray_serving.fetch.uri import ModelUri, parse_uri

CONTENT = b"the model" * 300_000
MANY = 2**30


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
    StoreDownload(ModelUri("s3://bucket/m/model.joblib", "s3"), tmp_path / "file", MANY, store).attempt()
    assert (tmp_path / "file").read_bytes() == CONTENT
    StoreDownload(parse_uri("s3://bucket/m/"), tmp_path / "folder", MANY, store).attempt()
    assert (tmp_path / "folder" / "sub" / "notes").read_bytes() == b"x"
    with pytest.raises(FetchError, match="no such object"):
        StoreDownload(parse_uri("s3://bucket/none"), tmp_path / "none", MANY, store).attempt()
    with pytest.raises(FetchError, match=r"more than 1.0 MiB; the operator's models.maxSize"):
        StoreDownload(parse_uri("s3://bucket/m/"), tmp_path / "large", 2**20, store).attempt()
    assert not (tmp_path / "large").exists()


def test_it_goes_on_where_it_broke_off(tmp_path: Path, store: Any) -> None:
    breaking = BreaksOff(store)
    download = StoreDownload(parse_uri("s3://bucket/m"), tmp_path / "folder", MANY, breaking)
    with_retries(download, "s3://bucket/m", pause=lambda _seconds: None)
    assert (tmp_path / "folder" / "model.joblib").read_bytes() == CONTENT
    assert breaking.read == len(CONTENT) + 1


def test_what_changed_meanwhile_is_brought_anew(tmp_path: Path, store: Any) -> None:
    download = StoreDownload(parse_uri("s3://bucket/m"), tmp_path / "folder", MANY, BreaksOff(store))
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
        StoreDownload(parse_uri("s3://bucket/m"), tmp_path / "m", MANY, Store()).attempt()
