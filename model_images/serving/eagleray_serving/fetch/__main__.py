"""``python -m eagleray_serving.fetch``: the model at a URI becomes ``<to>/model``.

pvc:// and file:// become a link, other URIs a copy; an archive becomes the folder that it holds. On failure
the termination log gets ``{"reason": ..., "message": ...}`` for the operator to show, and the exit status is 1.
"""

import argparse
import errno
import json
import os
import shutil
import sys
from pathlib import Path

from eagleray_serving.fetch import archive, checksum
from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.files import remove
from eagleray_serving.fetch.progress import say, size
from eagleray_serving.fetch.retry import with_retries
from eagleray_serving.fetch.stores import StoreDownload
from eagleray_serving.fetch.uri import HTTP, LOCAL, ModelUri, parse_uri
from eagleray_serving.fetch.web import WebDownload

_MAX_MESSAGE = 2000


def fetch(uri: ModelUri, to: Path, *, sha256: str | None, pvc_root: Path, max_bytes: int) -> Path:
    """Bring a model to ``to/model``.

    Args:
        uri: Where the model is.
        to: An existing folder; what a failed try before left there is removed.
        sha256: The checksum to demand, see ``checksum``.
        pvc_root: The folder in which claims are mounted under their names.
        max_bytes: The most that it may have, as it is downloaded and unpacked.

    Returns:
        The folder, or a link to it; a lone file is in it under its own name, which tells its format.

    Raises:
        FetchError: With the reason for the condition.
    """
    if sha256 is not None:
        checksum.check_form(sha256)
    model, part = to / "model", to / ".part"
    remove(model)
    remove(part)
    source = _local(uri, pvc_root) if uri.scheme in LOCAL else _downloaded(uri, part, max_bytes)
    if sha256 is not None:
        checksum.check(source, sha256, uri.shown)
        say("the sha256 is right")
    if source.is_file() and archive.is_archive(uri.filename):
        unpacked = to / ".unpacked"
        remove(unpacked)
        archive.unpack(source, uri.filename, unpacked, max_bytes=max_bytes)
        remove(part)
        unpacked.rename(model)
    elif source.is_file():
        model.mkdir()
        kept = model / uri.filename
        kept.symlink_to(source) if uri.scheme in LOCAL else part.rename(kept)
    elif uri.scheme in LOCAL:
        model.symlink_to(source)
    else:
        part.rename(model)
    return model


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="eagleray-fetch", description="Fetch a model.")
    parser.add_argument("--uri", required=True)
    parser.add_argument("--sha256")
    parser.add_argument("--to", type=Path, default=Path("/model"))
    parser.add_argument("--pvc-root", type=Path, default=Path("/mnt/pvc"))
    parser.add_argument("--max-bytes", type=int, required=True)
    parser.add_argument("--termination-log", type=Path, default=Path("/dev/termination-log"))
    args = parser.parse_args(argv)
    try:
        uri = parse_uri(args.uri)
        say(f"fetching {uri.shown}")
        model = _fetch(uri, args)
    except FetchError as error:
        report = json.dumps({"reason": error.reason, "message": error.message[:_MAX_MESSAGE]})
        sys.stderr.write(f"{report}\n")
        args.termination_log.write_text(report)
        return 1
    say(f"the model is at {model}")
    return 0


def _fetch(uri: ModelUri, args: argparse.Namespace) -> Path:
    try:
        return fetch(uri, args.to, sha256=args.sha256, pvc_root=args.pvc_root, max_bytes=args.max_bytes)
    except PermissionError as error:
        message = f"{error.filename}: permission denied for uid {os.getuid()}; make it readable, or set an fsGroup"
        raise FetchError(Reason.DOWNLOAD_FAILED, f"{uri.shown}: {message}") from None
    except OSError as error:
        message = f"{error.strerror or error} ({error.filename})"
        if error.errno == errno.ENOSPC:
            message = f"no space left for the model on {args.to} ({size(shutil.disk_usage(args.to).total)} in all)"
        raise FetchError(Reason.DOWNLOAD_FAILED, f"{uri.shown}: {message}") from None


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


def _downloaded(uri: ModelUri, part: Path, max_bytes: int) -> Path:
    download = (WebDownload if uri.scheme in HTTP else StoreDownload)(uri, part, max_bytes)
    with_retries(download, uri.shown)
    return part


if __name__ == "__main__":
    sys.exit(main())
