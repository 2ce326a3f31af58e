"""What the images and the package are made of, as CycloneDX, and whether anything is known to be wrong with it."""

import json
import re
import shutil
import subprocess
import tomllib
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from . import cache, images, shell, venv
from .progress import HarnessError, say

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = cache.REPO / "build" / "sbom"
# Faults of this release are known: an index that stands for PyPI and tells of none has no advisories.
ADVISORIES = "https://pypi.org/pypi/pip/19.0/json"
ANSWER_S = 5
ENVIRONMENT = "supply-chain"
# What a user's cluster pulls: the chart's images, and those for GPUs.
SHIPPED = (*images.CHART, "onnx-gpu", "torch-gpu", "xgboost-gpu")


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill of materials.

    Attributes:
        name: what it is of.
        version: its version.
        kind: `container` or `library`.
        base: the image that the operating system comes from; "" for a package.
        pins: the files of pins that are installed, one after another, from the root of the repository.
    """

    name: str
    version: str
    kind: str
    base: str
    pins: tuple[str, ...]


def bills() -> list[Bill]:
    """The bills of the package and of each image that is shipped."""
    version = tomllib.loads((cache.REPO / "pyproject.toml").read_text())["project"]["version"]
    package = Bill("eagleray", version, "library", "", ("requirements/operator.txt",))
    return [package, *(_of_image(name, version) for name in SHIPPED)]


def _of_image(name: str, version: str) -> Bill:
    (image,) = images.named([name])
    chain = [image]
    while chain[0].base:
        chain[:0] = images.named([chain[0].base])
    texts = [images.until((cache.REPO / link.dockerfile).read_text(), link.stage) for link in chain]
    pins = [path for text in texts for path in images.copied(text) if path.startswith("requirements/")]
    found = re.search(r"^ARG BASE=(\S+)", texts[0], re.MULTILINE)
    if found is None:
        raise ValueError(f"{chain[0].dockerfile} names no BASE")
    return Bill(images.repository(name), version, "container", found[1], tuple(dict.fromkeys(pins)))


def write_sboms() -> None:
    """Write a file for each bill into build/sbom/, the same for the same pins."""
    python = venv.apart(ENVIRONMENT)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    log = "sbom"
    shell.fresh_log(log)
    for bill in bills():
        file = FOLDER / f"{bill.name.rpartition('/')[2]}{'-package' if bill.kind == 'library' else ''}.cdx.json"
        program: list[str | Path] = [python, cache.HERE / "bill.py", file]
        shell.run(program, log=log, cwd=cache.REPO, stdin=json.dumps(asdict(bill)).encode())
        say(f"{file.relative_to(cache.REPO)}")


def audit() -> None:
    """Ask PyPI whether anything is known to be wrong with what is shipped.

    Where PyPI's advisories cannot be had nothing is asked, which is said.

    Raises:
        HarnessError: something is known.
    """
    if why := unreachable():
        say(f"Audit SKIPPED: nobody was asked about known faults of the pins; {ADVISORIES} gives no advisories ({why})")
        return
    python = venv.apart(ENVIRONMENT)
    log = "audit"
    shell.fresh_log(log)
    for pins in sorted({path for bill in bills() for path in bill.pins}):
        options = ["--require-hashes", "--disable-pip", "--progress-spinner=off", "-r", pins]
        with shell.log_path(log).open("a") as output:
            done = subprocess.run(
                [python, "-m", "pip_audit", *options], cwd=cache.REPO, stdout=output, stderr=output, check=False
            )
        if done.returncode:
            hint = "take a version that is mended into requirements/*.in, and compile the pins anew"
            raise HarnessError(
                f"The audit of {pins} found something, or did not end", log=shell.log_path(log), hint=hint
            )
    say("Audit: PyPI knows of nothing that is wrong with the pins of what is shipped")


def unreachable(url: str = ADVISORIES) -> str:
    """Why there are no advisories to be had; "" where there are."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:  # noqa: S310 -- a constant
            return "" if json.load(answer).get("vulnerabilities") else "no fault is known there"
    except (urllib.error.URLError, TimeoutError, ValueError) as e:
        return str(e)
