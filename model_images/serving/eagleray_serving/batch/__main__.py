"""``python -m eagleray_serving.batch``: readies the environment, which Ray and pandas read when they are imported."""

import importlib.util
import os
import secrets
import sys
from pathlib import Path
from typing import Final

PACKAGES: Final = Path("/opt/eagleray-batch")
"""Where images have Arrow: beside the model server's packages, where pandas would load it in every replica."""


def guard() -> None:
    """Have Ray ask for a token that nobody else knows, and tell nobody that it runs."""
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


def add_packages() -> None:
    """Let this process, and those that Ray starts, find Arrow, where Python does not find it already."""
    if importlib.util.find_spec("pyarrow"):
        return
    if not PACKAGES.is_dir():
        sys.exit("Error: this image has no pyarrow; build it on an image of this operator's version")
    sys.path.append(str(PACKAGES))
    paths = (os.environ.get("PYTHONPATH"), str(PACKAGES))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


if __name__ == "__main__":
    guard()
    add_packages()
    from eagleray_serving.batch.command import main

    sys.exit(main())
