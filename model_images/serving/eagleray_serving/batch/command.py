"""The command: answers the rows of the files at a URI, as files at another.

The exit status is 0 when all is answered, 2 where trying again will not help, and 1 where it may: what is finished then
is not done again.
"""

import argparse
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from eagleray_serving.batch.formats import FORMATS
from eagleray_serving.batch.part import Work, columns_of
from eagleray_serving.batch.run import Pool, Run
from eagleray_serving.errors import ServingError, first_line
from eagleray_serving.fetch.progress import say
from eagleray_serving.text import visible

BATCH_ROWS: Final = 1024
REFUSED: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parsed(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="eagleray-batch-") as scratch:
            counts = _run(args, Path(scratch)).predict()
    except ServingError as error:
        sys.stderr.write(f"Error: {visible(str(error))}\n")
        return REFUSED
    except Exception as error:  # noqa: BLE001 - whatever it is, the Job tries again
        sys.stderr.writelines(f"{visible(line)}\n" for line in traceback.format_exc().splitlines())
        sys.stderr.write(f"Error: {type(error).__name__}: {first_line(error)}; finished parts are kept\n")
        return 1
    refused = f", of which {counts.refused} were refused" if counts.refused else ""
    say(f"answered {counts.rows} rows{refused}")
    return 0


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="eagleray-batch", description="Answer the rows of files.")
    parser.add_argument("--model", type=orjson.loads, required=True, help="the model server's args, as JSON")
    parser.add_argument("--revision", required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--format", choices=tuple(FORMATS), default="", help="else that of the files' endings")
    parser.add_argument("--columns", default="", help="those that the model is given, in its order, with commas")
    parser.add_argument("--on-error", choices=("fail", "skip"), default="fail")
    parser.add_argument("--batch-size", type=int, help="rows that the model is given at once")
    parser.add_argument("--parallelism", type=int, default=1, help="how many copies of the model answer")
    parser.add_argument("--cpus", type=int, default=1, help="of each of them")
    parser.add_argument("--gpus", type=float, default=0.0, help="of each of them")
    parser.add_argument("--pvc-root", type=Path, default=Path("/mnt/batch"))
    return parser.parse_args(argv)


def _run(args: argparse.Namespace, scratch: Path) -> Run:
    batching = args.model.get("batching") or {}
    work = Work(
        input=args.input,
        output=args.output,
        model=args.model,
        format=args.format,
        columns=columns_of(args.columns),
        skip=args.on_error == "skip",
        batch_rows=args.batch_size or batching.get("maxSize") or BATCH_ROWS,
        pvc_root=args.pvc_root,
        scratch=scratch,
    )
    return Run(work, args.revision, Pool(args.parallelism, args.cpus, args.gpus))
