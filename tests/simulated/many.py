"""Plays thousands of histories (`make simulate`): each comes from its number alone; stories of failures are kept."""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

from simulated.histories import HAPPENINGS
from simulated.test_histories import PAUSES, History, play_history

LONGEST = 20
SAY_EVERY_SECONDS = 30.0


def history(number: int) -> History:
    """The history of a number."""
    rng = random.Random(number)  # noqa: S311 - a history is to be had again
    names = sorted(HAPPENINGS)
    return [(rng.choice(names), rng.randrange(1000), rng.choice(PAUSES)) for _ in range(rng.randrange(LONGEST + 1))]


def play_number(number: int) -> tuple[int, str]:
    """Play one history; the number, and the story where it failed."""
    try:
        play_history(history(number), number)
    except Exception as e:  # noqa: BLE001 - whatever it is, it is to be read
        return number, f"{type(e).__name__}: {e}"
    return number, ""


def played(first: int, last: int, workers: int) -> Iterator[tuple[int, str]]:
    """Play the histories of a range of numbers, side by side."""
    numbers = iter(range(first, last))
    with ProcessPoolExecutor(workers, max_tasks_per_child=200) as pool:
        under_way = {pool.submit(play_number, number) for number in islice(numbers, 2 * workers)}
        while under_way:
            done = next(as_completed(under_way))
            under_way.remove(done)
            under_way |= {pool.submit(play_number, number) for number in islice(numbers, 1)}
            yield done.result()


def main() -> int:
    """Play what is asked for, and say how far it is.

    Returns:
        0 where all came to rest.
    """
    parser = argparse.ArgumentParser(prog="simulated", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--stories", type=Path, default=Path("build/stories"), help="where stories of failures go")
    asked = parser.parse_args()
    if "PYTHONHASHSEED" not in os.environ:  # sets are iterated in its order
        return subprocess.run(
            [sys.executable, "-m", "simulated", *sys.argv[1:]], env={**os.environ, "PYTHONHASHSEED": "0"}, check=False
        ).returncode
    asked.stories.mkdir(parents=True, exist_ok=True)
    began = said = time.monotonic()
    failed = 0
    for count, (number, story) in enumerate(played(asked.first, asked.first + asked.histories, asked.workers), 1):
        if story:
            failed += 1
            path = asked.stories / f"{number}.txt"
            path.write_text(story)
            print(f"history {number}: {story.splitlines()[0][:300]} ({path})", flush=True)  # noqa: T201
        if time.monotonic() - said > SAY_EVERY_SECONDS or count == asked.histories:
            said = time.monotonic()
            print(f"{count} of {asked.histories} histories in {said - began:.0f} s, {failed} failed", flush=True)  # noqa: T201
    return 1 if failed else 0
