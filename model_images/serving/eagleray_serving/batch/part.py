"""One part of a batch prediction: a file of rows becomes a file of rows with answers."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, cast

import orjson
import pandas as pd

from eagleray_serving.answers import AnsweringModel
from eagleray_serving.app import parse_saved
from eagleray_serving.batch.chunks import Chunk, columns_given
from eagleray_serving.batch.errors import BatchError
from eagleray_serving.batch.formats import FORMATS, PACKED, Reader, unpacked
from eagleray_serving.batch.places import File, Place
from eagleray_serving.batch.progress import Tally
from eagleray_serving.batch.results import ERROR, Results
from eagleray_serving.errors import InvalidInputError, ModelFailureError, ModelLoadError
from eagleray_serving.predictor import predict_all


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done with every part.

    Args:
        input: URI of the rows.
        output: URI of the answers.
        model: The args of the model server.
        format: A key of ``FORMATS``; empty where the endings of files are to tell.
        columns: Columns that the model is given, in its order; none leaves it to the model.
        skip: Whether a row that is refused is let pass, with the reason beside it.
        batch_rows: Rows that the model is given at once.
        pvc_root: The folder in which claims are mounted under their names.
        scratch: A folder for what is on its way.
    """

    input: str
    output: str
    model: Mapping[str, Any]
    format: str
    columns: tuple[str, ...]
    skip: bool
    batch_rows: int
    pvc_root: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of some rows.

    Args:
        rows: How many there were.
        refused: How many of them were not answered.
    """

    rows: int
    refused: int

    @classmethod
    def sum(cls, told: Sequence[Mapping[str, Any]]) -> "Counts":
        """All of what parts tell, each with these two."""
        return cls(sum(int(each["rows"]) for each in told), sum(int(each["refused"]) for each in told))


class PartPredictor:
    """Answers parts, one after another, with one model.

    Args:
        work: What is to be done with each.

    Raises:
        ModelLoadError: The model cannot be loaded.
        BatchError: The input or the output is of no use.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._input, self._output = Place(work.input, work.pvc_root), Place(work.output, work.pvc_root)
        self._model = _loaded(work.model)
        self._results = Results(self._model.outputs, work.skip)
        self._tally = Tally(work.scratch)

    def predict(self, file: File) -> Counts:
        """Answer a part, and put down that it is finished.

        Raises:
            BatchError: A row is refused, or the file is broken; naming the file, and the row where there is one.
        """
        try:
            with self._input.opened(file) as source, _scratch(self._work.scratch, file) as local:
                counts = self._write(file, source, local)
                self._output.put(local, output_name(file))
                local.write_bytes(orjson.dumps(asdict(counts)))
                self._output.put(local, done_name(file))
        except BatchError as error:
            raise BatchError(f"{file.name}: {error}") from None
        return counts

    def _write(self, file: File, source: IO[bytes], local: Path) -> Counts:
        form = FORMATS[self._work.format]
        reader = form.read(_unpacked(source, file), self._work.batch_rows)
        given = self._given(reader) if form.is_table else self._work.columns
        rows = refused = 0
        with closing(form.write(local, reader.names, self._results)) as writer:
            for chunk in reader.chunks(given):
                answers = self._answers(chunk, rows)
                writer.add(chunk, answers)
                rows += len(chunk)
                refused += sum(why is not None for why in answers.get(ERROR, ()))
                read = file.size * rows // reader.total_rows if reader.total_rows else source.tell()
                self._tally.note(file.name, rows, read)
        self._tally.note(file.name, rows, file.size)
        return Counts(rows, refused)

    def _given(self, reader: Reader) -> tuple[str, ...]:
        self._results.check_new(reader.names)
        return columns_given(reader.names, self._model.signature, self._work.columns)

    def _answers(self, chunk: Chunk, start: int) -> dict[str, list[Any]]:
        """What is to stand beside each row of a chunk, by column."""
        found: dict[str, list[Any]] = {name: [] for name in self._results.names}
        for rows, answer in self._answered(chunk, start):
            refused = isinstance(answer, InvalidInputError)
            for name, output in self._results.columns.items():
                found[name] += [None] * rows if isinstance(answer, InvalidInputError) else answer[output.name].tolist()
            if self._work.skip:
                found[ERROR] += [_why(answer) if refused else None] * rows
        return found

    def _answered(self, chunk: Chunk, start: int) -> Iterator[tuple[int, Any]]:
        """The answers to a chunk in order: how many rows each is for, and what it is, or why there is none."""
        if not len(chunk):
            return
        try:
            yield len(chunk), self._answer(chunk)
        except ModelFailureError as error:
            raise BatchError(f"rows {start} to {start + len(chunk) - 1}: {error}; see this Pod's log") from None
        except InvalidInputError as error:
            if not self._work.skip:
                told = f"{error.moved(start)}; correct it, or let such rows pass with --on-error skip"
                raise BatchError(told) from None
            if len(chunk) == 1:
                yield 1, error
                return
            half = len(chunk) // 2
            yield from self._answered(chunk.cut(0, half), start)
            yield from self._answered(chunk.cut(half, len(chunk)), start + half)

    def _answer(self, chunk: Chunk) -> Mapping[str, Any]:
        (answer,) = predict_all(self._model, [chunk.rows(self._model.signature)])
        if isinstance(answer, Exception):
            raise answer
        return answer


def done_name(file: File) -> str:
    """The name of the file of the output that says that a part is finished, and what came of it."""
    return f"_eagleray/parts/{file.name}.json"


def output_name(file: File) -> str:
    """The name of the part that answers a file."""
    return unpacked(file.name)


def _unpacked(source: IO[bytes], file: File) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=source)) if file.name.endswith(PACKED) else source


def _why(answer: Any) -> str:  # noqa: ANN401 - an answer, or an error
    return f"field '{answer.field}': {answer.message}" if answer.field is not None else str(answer.message)


def _loaded(args: Mapping[str, Any]) -> AnsweringModel:
    """The model, given frames that hold text as those of the server do, whose process has no Arrow."""
    pd.set_option("mode.string_storage", "python")
    return parse_saved(dict(args)).load()


@contextmanager
def _scratch(folder: Path, file: File) -> Iterator[Path]:
    local = folder / f"{sha256(file.name.encode()).hexdigest()}.part"
    try:
        yield local
    finally:
        local.unlink(missing_ok=True)


class PartWorker:
    """What Ray runs in a process of its own: a `PartPredictor` that tells of errors instead of raising them.

    Args:
        work: What is to be done with each part.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._predictor: PartPredictor | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Answer a part: its counts, or the error that trying again will not help against."""
        counts, error = Counts(0, 0), ""
        try:
            self._predictor = self._predictor or PartPredictor(self._work)
            counts = self._predictor.predict(File(**row))
        except (BatchError, ModelLoadError) as found:
            error = str(found)
        return {"name": row["name"], **asdict(counts), "error": error}


def columns_of(text: str | None) -> tuple[str, ...]:
    """The columns of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


def file_rows(files: Sequence[File]) -> list[dict[str, Any]]:
    """Files as rows of a data set."""
    return [asdict(file) for file in files]
