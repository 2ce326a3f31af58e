"""The formats of files, each a reader and a writer: what comes as one leaves as one."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

from eagleray_serving.batch.chunks import Chunk
from eagleray_serving.batch.errors import BatchError
from eagleray_serving.batch.places import File
from eagleray_serving.batch.results import Results


class Reader(Protocol):
    """Reads a file; made of the file and of the most rows that a chunk may have."""

    names: Sequence[str]
    """The columns; none where each row has its own."""
    total_rows: int | None
    """How many rows there are; None where that shows at the end."""

    def chunks(self, given: Sequence[str]) -> Iterator[Chunk]:
        """The rows; the model is given these columns."""


class Writer(Protocol):
    """Writes a file; made of its path, the names of the reader's columns, and the results' columns."""

    def add(self, chunk: Any, answers: Mapping[str, Sequence[Any]]) -> None:  # noqa: ANN401 - of its own reader
        """Write some rows, and what was answered to them."""

    def close(self) -> None:
        """End the file."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files.

    Args:
        module: Where its reader and its writer are; imported only when used.
        reader: The reader's name there.
        writer: The writer's name there.
        endings: How its files are called.
        is_table: Whether all rows have the same columns.
    """

    module: str
    reader: str
    writer: str
    endings: tuple[str, ...]
    is_table: bool = True

    def read(self, source: IO[bytes], most: int) -> Reader:
        """Begin to read a file.

        Raises:
            BatchError: It is not of this format.
        """
        reader: Reader = getattr(self._module(), self.reader)(source, most)
        return reader

    def write(self, path: Path, names: Sequence[str], results: Results) -> Writer:
        """Begin to write a file."""
        writer: Writer = getattr(self._module(), self.writer)(path, names, results)
        return writer

    def _module(self) -> Any:  # noqa: ANN401 - a module has no type of its own
        return importlib.import_module(f"eagleray_serving.batch.{self.module}")


FORMATS: Final[Mapping[str, Format]] = {
    "parquet": Format("parquet", "ParquetReader", "ParquetWriter", (".parquet", ".pq")),
    "csv": Format("comma_separated", "CsvReader", "CsvWriter", (".csv",)),
    "jsonl": Format("json_lines", "JsonReader", "JsonWriter", (".jsonl", ".ndjson"), is_table=False),
}
PACKED: Final = ".gz"
"""The ending of files that are packed by gzip; results are not."""


def format_of(files: Sequence[File], told: str) -> tuple[str, list[File]]:
    """The format of some files, and those of them that have it.

    Args:
        files: The files of a place.
        told: The format, where the user says it; empty where endings do.

    Raises:
        BatchError: They are of none, or of several.
    """
    by_format = {
        name: [file for file in files if unpacked(file.name).endswith(f.endings)] for name, f in FORMATS.items()
    }
    found = [name for name, those in by_format.items() if those]
    if told:
        return told, by_format[told] or list(files)
    if len(found) == 1:
        return found[0], by_format[found[0]]
    endings = ", ".join(ending for each in FORMATS.values() for ending in each.endings)
    why = (
        f"files of {' and '.join(found)}" if found else f"no file that ends in one of {endings} (or that and {PACKED})"
    )
    raise BatchError(f"the input has {why}; say which in --format")


def unpacked(name: str) -> str:
    """A file's name without the ending of its compression."""
    return name.removesuffix(PACKED)
