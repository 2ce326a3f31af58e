"""Files and folders."""

import shutil
from pathlib import Path


def remove(path: Path) -> None:
    """Remove whatever is there: a file, a link, a folder with all that is in it, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def bytes_in(path: Path) -> int:
    """Bytes of a file, or of all files in a folder but those that links lead to; 0 where nothing is."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())
