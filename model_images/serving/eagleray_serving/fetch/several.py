"""Several models, each of which is fetched into a folder of its name."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.files import bytes_in
from eagleray_serving.fetch.progress import say, size
from eagleray_serving.fetch.uri import ModelUri, parse_uri

AT_ONCE: Final = 8
"""How many are fetched side by side: small ones take as long as a store needs to answer."""

FetchOne = Callable[["Wanted", Path, int], None]
"""Fetches one of them into a folder, of at most so many bytes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One of several models.

    Args:
        name: The name of its folder.
        uri: Where it is.
        sha256: The checksum to demand.
    """

    name: str
    uri: ModelUri
    sha256: str | None = None


def parse_wanted(text: str) -> Wanted:
    """What the command line says of a model: ``{"name", "uri", "sha256"}``.

    Raises:
        FetchError: UnsupportedUri, naming the model.
    """
    told = json.loads(text)
    name = told["name"]
    if not names_folder(name):
        raise FetchError(
            Reason.UNSUPPORTED_URI, f"'{name}' is no name of a model; write letters, digits, '-', '_', '.'"
        )
    with _naming(name):
        return Wanted(name, parse_uri(told["uri"]), told.get("sha256"))


def names_folder(name: str) -> bool:
    """Whether a model's name is that of a folder beside others."""
    return bool(name) and "/" not in name and not name.startswith(".")


def fetch_all(models: Sequence[Wanted], to: Path, max_bytes: int, fetch_one: FetchOne) -> None:
    """Bring each model to ``to/<name>/model``, some side by side.

    Args:
        models: The models.
        to: An existing folder.
        max_bytes: The most that all may have; those that are fetched side by side may each have what is left.
        fetch_one: Fetches one.

    Raises:
        FetchError: As `fetch_one`, naming the model; what was not begun by then is left out.
    """
    lock, left = Lock(), max_bytes

    def one(wanted: Wanted) -> None:
        nonlocal left
        folder = to / wanted.name
        folder.mkdir(exist_ok=True)
        with _naming(wanted.name):
            fetch_one(wanted, folder, left)
            with lock:
                left -= bytes_in(folder)
            if left < 0:
                raise FetchError(
                    Reason.DOWNLOAD_FAILED,
                    f"all models have more than {size(max_bytes)}; the operator's models.maxSize allows no more",
                )

    with ThreadPoolExecutor(AT_ONCE) as threads:
        futures = [threads.submit(one, wanted) for wanted in models]
        try:
            for future in as_completed(futures):
                future.result()
        except FetchError:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    say(f"{len(models)} models are in {to}")


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Has the errors of what is done inside name the model."""
    try:
        yield
    except FetchError as error:
        raise FetchError(error.reason, f"model '{name}': {error.message}") from None
