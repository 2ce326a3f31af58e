"""Files and folders."""

import shutil
from pathlib import Path


def remove(path: Path) -> None:
    """Remove whatever is there: a file, a link, a folder with all that is in it, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
