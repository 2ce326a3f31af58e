"""Files as clients of object stores have them."""

import gzip
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractBufferedFile

from eagleray_serving.batch.part import Counts
from unit.serving.batch.repeats import GOOD, write
from unit.serving.batch.rig import Rig

pytestmark = pytest.mark.usefixtures("repeats")


class Fetched(AbstractBufferedFile):  # type: ignore[misc]
    """What they open: it is read by ranges, and bounds no line."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        return Path(self.path).read_bytes()[start:end]


@pytest.mark.parametrize("name", ["1.csv", "1.csv.gz", "1.jsonl", "1.jsonl.gz", "1.parquet"])
def test_a_file_of_an_object_store(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalFileSystem, "_open", lambda self, path, **_: Fetched(self, path, block_size=64))
    rig, plain = Rig(tmp_path, {}), name.removesuffix(".gz")
    write(plain.rpartition(".")[2], rig.rows / plain, [GOOD] * 7)
    if name != plain:
        (rig.rows / name).write_bytes(gzip.compress((rig.rows / plain).read_bytes()))
        (rig.rows / plain).unlink()
    assert rig.predict(name) == Counts(7, 0)
