"""``python -m eagleray_serving.fetch``: the model at a URI becomes ``<to>/model``; of several, ``<to>/<name>/model``.

What has a checksum is a copy, which is compared with it; without one pvc:// and file:// become a link. An archive
becomes the folder that it holds. On failure the termination log gets ``{"reason": ..., "message": ...}`` for the
operator to show, and the exit status is 1.
"""

import argparse
import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eagleray_serving.fetch import archive, cache, checksum
from eagleray_serving.fetch.copying import Copy, Place
from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.files import remove
from eagleray_serving.fetch.oci import OciDownload
from eagleray_serving.fetch.progress import say, size
from eagleray_serving.fetch.registry import check_pinned
from eagleray_serving.fetch.retry import with_retries
from eagleray_serving.fetch.several import Wanted, fetch_all, parse_wanted
from eagleray_serving.fetch.stores import StoreDownload
from eagleray_serving.fetch.told import Downloads, listen
from eagleray_serving.fetch.uri import HTTP, LOCAL, OCI, PVC, ModelUri, parse_uri
from eagleray_serving.fetch.web import WebDownload
from eagleray_serving.text import visible

_MAX_MESSAGE = 2000
_TERMINATED = 128 + signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is fetched.

    Args:
        sha256: The checksum to demand, see ``checksum``.
        pvc_root: The folder in which claims are mounted under their names.
        max_bytes: The most that it may have, as it is downloaded and unpacked.
        downloads: Where it is noted how far they are.
        cache: Where a volume is mounted that keeps downloads; it needs a checksum.
    """

    sha256: str | None
    pvc_root: Path
    max_bytes: int
    downloads: Downloads
    cache: Path | None = None


def fetch(uri: ModelUri, to: Path, options: Options) -> Path:
    """Bring a model to ``to/model``.

    Args:
        uri: Where the model is.
        to: An existing folder; what a failed try before left there is removed.
        options: How.

    Returns:
        The folder, or a link to it; a lone file is in it under its own name, which tells its format.

    Raises:
        FetchError: With the reason for the condition.
    """
    if options.sha256 is not None:
        checksum.check_form(options.sha256)
    model, part = to / "model", to / ".part"
    remove(model)
    remove(part)
    source = _source(uri, part, options)
    if source.is_file() and archive.is_archive(uri.filename):
        unpacked = to / ".unpacked"
        remove(unpacked)
        archive.unpack(source, uri.filename, unpacked, max_bytes=options.max_bytes)
        remove(part)
        unpacked.rename(model)
    elif source.is_file():
        model.mkdir()
        _put(source, model / uri.filename, part)
    else:
        _put(source, model, part)
    return model


def _source(uri: ModelUri, part: Path, options: Options) -> Path:
    """What is at the URI: in place, or brought to `part`."""
    if options.sha256 is not None:
        _bring_checked(uri, part, options.sha256, options)
    elif uri.scheme in LOCAL:
        return _local(uri, options.pvc_root)
    else:
        _download(uri, part, options)
    return part


def _bring_checked(uri: ModelUri, part: Path, sha256: str, options: Options) -> None:
    """Bring to `part`, where nobody else writes, what has the checksum there."""

    def copy(root: Path, path: Path, shown: str) -> None:
        Copy(Place(root, path, shown), part, options.max_bytes, options.downloads).checked(sha256)

    if uri.scheme in LOCAL:
        copy(options.pvc_root if uri.scheme == PVC else Path("/"), _local(uri, options.pvc_root), uri.shown)
    elif volume := options.cache:
        cache.bring(
            volume,
            sha256,
            uri.shown,
            lambda to: _download(uri, to, options),
            lambda path, shown: copy(volume, path, f"{uri.shown}: {shown}"),
        )
    else:
        _download(uri, part, options)
        checksum.compare(checksum.of(part), sha256, uri.shown)
        say("the sha256 is right")


def _put(source: Path, target: Path, part: Path) -> None:
    """Move what was downloaded, and link to what is somewhere else."""
    if source == part:
        source.rename(target)
    else:
        target.symlink_to(source)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="eagleray-fetch", description="Fetch a model.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--uri")
    what.add_argument("--model", action="append", help='one of several: {"name": …, "uri": …, "sha256": …}')
    parser.add_argument("--sha256")
    parser.add_argument("--to", type=Path, default=Path("/model"))
    parser.add_argument("--pvc-root", type=Path, default=Path("/mnt/pvc"))
    parser.add_argument("--max-bytes", type=int, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--port", type=int, help="where it is told how far it is")
    parser.add_argument("--termination-log", type=Path, default=Path("/dev/termination-log"))
    args = parser.parse_args(argv)
    downloads = Downloads(len(args.model or [args.uri]))
    options = Options(args.sha256, args.pvc_root, args.max_bytes, downloads, args.cache)
    if args.port:
        listen(downloads, args.port)
    try:
        if args.model:
            _fetch_several([parse_wanted(text) for text in args.model], args.to, options)
        else:
            _fetch(parse_uri(args.uri), args.to, options)
    except FetchError as error:
        report = json.dumps({"reason": error.reason, "message": visible(error.message)[:_MAX_MESSAGE]})
        sys.stderr.write(f"{report}\n")
        args.termination_log.write_text(report)
        return 1
    return 0


def _fetch_several(models: Sequence[Wanted], to: Path, options: Options) -> None:
    def one(wanted: Wanted, folder: Path, max_bytes: int) -> None:
        _fetch(wanted.uri, folder, replace(options, sha256=wanted.sha256, max_bytes=max_bytes))

    fetch_all(models, to, options.max_bytes, one)


def _fetch(uri: ModelUri, to: Path, options: Options) -> None:
    say(f"fetching {uri.shown}")
    try:
        model = fetch(uri, to, options)
    except PermissionError as error:
        message = f"{error.filename}: permission denied for uid {os.getuid()}; make it readable, or set an fsGroup"
        raise FetchError(Reason.DOWNLOAD_FAILED, f"{uri.shown}: {message}") from None
    except OSError as error:
        message = f"{error.strerror or error} ({error.filename})"
        if error.errno == errno.ENOSPC:
            places = [to, *([options.cache] if options.cache else [])]
            full = min(places, key=lambda place: shutil.disk_usage(place).free)
            message = f"no space left for the model on {full} ({size(shutil.disk_usage(full).total)} in all)"
        raise FetchError(Reason.DOWNLOAD_FAILED, f"{uri.shown}: {message}") from None
    say(f"the model is at {model}")


def _local(uri: ModelUri, pvc_root: Path) -> Path:
    path = uri.local_path(pvc_root)
    if path.exists():
        return path
    folder = next(parent for parent in path.parents if parent.is_dir())
    names = sorted(entry.name for entry in folder.iterdir())
    found = ", ".join(names[:10]) + (", …" if len(names) > 10 else "") if names else "nothing"
    missing = path.relative_to(folder).parts[0]
    raise FetchError(
        Reason.DOWNLOAD_FAILED,
        f"{uri.shown}: there is no '{missing}' in {folder}, which holds: {found}; check spec.model.uri",
    )


def _download(uri: ModelUri, to: Path, options: Options) -> None:
    if uri.scheme == OCI and options.sha256 is None:
        check_pinned(uri, os.environ)
    kind = OciDownload if uri.scheme == OCI else WebDownload if uri.scheme in HTTP else StoreDownload
    with_retries(kind(uri, to, options.max_bytes, options.downloads), uri.shown)


if __name__ == "__main__":
    # A container's first process does not hear it by itself, and would be killed with what a cache could keep.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    sys.exit(main())
