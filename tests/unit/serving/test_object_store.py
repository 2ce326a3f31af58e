from pathlib import Path

import fsspec
import pytest

from eagleray_serving.fetch.download import download_objects
from eagleray_serving.fetch.errors import FetchError, TransientError
from eagleray_serving.fetch.uri import ModelUri, parse_uri

CONTENT = b"the model" * 1000


def test_objects_and_prefixes(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe({"/bucket/m/model.joblib": CONTENT, "/bucket/m/sub/notes": b"x"})
    download_objects(ModelUri("s3://bucket/m/model.joblib", "s3"), tmp_path / "file", store)
    assert (tmp_path / "file").read_bytes() == CONTENT
    download_objects(parse_uri("s3://bucket/m/"), tmp_path / "folder", store)
    assert (tmp_path / "folder" / "sub" / "notes").read_bytes() == b"x"
    with pytest.raises(FetchError, match="no such object"):
        download_objects(parse_uri("s3://bucket/none"), tmp_path / "none", store)


@pytest.mark.parametrize(
    ("raised", "expected"), [(PermissionError("denied"), FetchError), (OSError("slow down"), TransientError)]
)
def test_errors_of_a_store(tmp_path: Path, raised: Exception, expected: type[Exception]) -> None:
    class Store:
        def find(self, _path: str, *, detail: bool) -> None:
            assert detail
            raise raised

    with pytest.raises(expected):
        download_objects(parse_uri("s3://bucket/m"), tmp_path / "m", Store())
