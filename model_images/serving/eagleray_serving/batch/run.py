"""A whole batch prediction: which parts there are, which of them are finished, and who answers the others."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from eagleray_serving.batch.errors import BatchError
from eagleray_serving.batch.formats import format_of
from eagleray_serving.batch.part import Counts, PartWorker, Work, done_name, file_rows, output_name
from eagleray_serving.batch.places import File, Place
from eagleray_serving.batch.progress import Progress, Tally
from eagleray_serving.fetch.progress import say

MANIFEST: Final = "_eagleray/manifest.json"
"""The file of the output that says what it answers."""
SUCCESS: Final = "_SUCCESS"
"""The file of the output that says that all is there, and how much."""
_OBJECT_STORE_BYTES = 80_000_000
_TRIES = 2


@dataclass(frozen=True, slots=True)
class Pool:
    """Processes that answer, each with a model.

    Args:
        size: How many.
        cpus: CPUs of each.
        gpus: GPUs of each, or the share that it has of one.
    """

    size: int
    cpus: int
    gpus: float


@dataclass(frozen=True, slots=True)
class Run:
    """A batch prediction.

    Args:
        work: What is to be done with every part.
        revision: The revision that answers, for the manifest.
        pool: Who answers.
    """

    work: Work
    revision: str
    pool: Pool

    def predict(self) -> Counts:
        """Answer all parts that are not finished.

        Raises:
            BatchError: Trying again will not help.
            Exception: It may.
        """
        source, output = (Place(uri, self.work.pvc_root) for uri in (self.work.input, self.work.output))
        output.check_writable()
        source.check_apart(output)
        form, files = format_of(source.files(), self.work.format)
        work = replace(self.work, format=form)
        _check_names(files)
        there = output.names()
        self._claim(work, output, files, there)
        finished = [file for file in files if done_name(file) in there]
        left = [file for file in files if done_name(file) not in there]
        say(f"{len(files)} parts of {source.shown}, of which {len(finished)} are finished")
        counts = Counts.sum([*(output.read(done_name(file)) for file in finished), *self._answer(work, left)])
        told = {"revision": self.revision, "parts": len(files), "rows": counts.rows, "refused": counts.refused}
        _put(output, told, SUCCESS, work.scratch)
        return counts

    def _claim(self, work: Work, output: Place, files: Sequence[File], there: frozenset[str]) -> None:
        """Say in the output what it answers; refuse one that answers something else, or has other files there."""
        listing = sha256(orjson.dumps([(file.name, file.size, file.version) for file in files])).hexdigest()
        manifest = {
            "revision": self.revision,
            "input": work.input,
            "files": len(files),
            "listing": listing,
            "format": work.format,
            "columns": list(work.columns),
            "skip": work.skip,
        }
        if MANIFEST not in there:
            if there:
                raise BatchError(f"{output.shown}: the folder is not empty; write to a folder of this run's own")
            _put(output, manifest, MANIFEST, work.scratch)
            return
        found = output.read(MANIFEST)
        if changed := [key for key, value in manifest.items() if found.get(key) != value]:
            told = ", ".join(f"{key} {found.get(key)}" for key in changed)
            raise BatchError(
                f"{output.shown}: the folder has answers of another run ({told}); write to another folder, or empty it"
            )

    def _answer(self, work: Work, files: Sequence[File]) -> list[dict[str, Any]]:
        """What came of each part."""
        if not files:
            return []
        answered, tally = [], Tally(work.scratch)
        with Progress(tally, len(files), sum(file.size for file in files)) as progress:
            for found in _answered(work, files, self.pool):
                if found["error"]:
                    raise BatchError(found["error"])
                answered.append(found)
                progress.done += 1
        say(progress.line())
        return answered


def _answered(work: Work, files: Sequence[File], pool: Pool) -> Iterator[dict[str, Any]]:
    """What came of each part, in the order in which they are finished."""
    import ray.data  # noqa: PLC0415 - Ray reads its environment when it is imported

    size = min(pool.size, len(files))
    with _ray(pool):
        data = ray.data.from_items(file_rows(files), override_num_blocks=len(files))
        answered = data.map(
            PartWorker,
            fn_constructor_args=(work,),
            concurrency=size,
            num_cpus=pool.cpus,
            num_gpus=pool.gpus or None,
            max_restarts=_TRIES,
            max_task_retries=_TRIES,
        )
        yield from answered.iter_rows()


@contextmanager
def _ray(pool: Pool) -> Iterator[None]:
    """Ray in this Pod alone, which nobody else reaches."""
    import ray.data  # noqa: PLC0415 - as above

    ray.init(
        address="local",
        num_cpus=pool.size * pool.cpus + 1,  # one for what is not answering
        num_gpus=int(pool.size * pool.gpus),
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        logging_level="warning",
        _node_ip_address="127.0.0.1",
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    try:
        yield
    finally:
        ray.shutdown()


def _check_names(files: Sequence[File]) -> None:
    names = [output_name(file) for file in files]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BatchError(f"two files of the input would become '{twice[0]}'; keep one of them, packed or not")


def _put(output: Place, told: dict[str, Any], name: str, scratch: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=scratch) as file:
        file.write(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        file.flush()
        output.put(Path(file.name), name)
