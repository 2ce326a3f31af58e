"""The checkout's virtual environment, from pins with hashes."""

import sys
import tomllib
from pathlib import Path

from . import cache, shell
from .progress import timed
from .toolchain import make_venv

VENV = cache.REPO / ".venv"
PINS = cache.REPO / "requirements" / "dev.txt"
UV_PINS = cache.REPO / "requirements" / "uv.txt"
SOURCES = ("operator", "model_images/serving", "model_images/router")
HINT = "see whether pip reaches its package index, then run this again"


def ensure() -> Path:
    """Make or renew `.venv`; nothing to do when the pins are those that it was made from."""
    project = tomllib.loads((cache.REPO / "pyproject.toml").read_text())["project"]
    stamp = VENV / ".made-of"
    wanted = cache.digest(PINS, sys.version, str(project["scripts"]), str(SOURCES))
    if stamp.exists() and stamp.read_text() == wanted:
        return VENV
    python = VENV / "bin" / "python"
    shell.fresh_log("venv")
    with timed("Python packages into .venv"):
        fill(VENV, PINS, log="venv")
    # The checkout itself, without a build: what is edited is what runs.
    site = next((VENV / "lib").glob("python3*")) / "site-packages"
    (site / "eagleray-checkout.pth").write_text("".join(f"{cache.REPO / source}\n" for source in SOURCES))
    for name, target in project["scripts"].items():
        _write_script(VENV / "bin" / name, python, *target.split(":"))
    metadata = site / f"{project['name']}-{project['version']}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    stamp.write_text(wanted)
    return VENV


def fill(venv: Path, pins: Path, *, log: str) -> None:
    """Make or renew a virtual environment, so that it has what is pinned and nothing else.

    Args:
        venv: Its folder.
        pins: A file of requirements with hashes.
        log: Name of the log, appended to.
    """
    uv = cache.entry("uv", [UV_PINS, sys.version], _install_uv) / "bin" / "uv"
    python = venv / "bin" / "python"
    if not python.exists():
        shell.run([uv, "venv", "--quiet", "--python", sys.executable, venv], log=log)
    sync: list[str | Path] = [uv, "pip", "sync", "--python", python, "--require-hashes", pins]
    shell.run(sync, log=log, hint=HINT)


def _write_script(path: Path, python: Path, module: str, name: str) -> None:
    path.write_text(f"#!{python}\nimport sys\n\nfrom {module} import {name}\n\nsys.exit({name}())\n")
    path.chmod(0o755)


def _install_uv(into: Path) -> None:
    make_venv(into, log="uv")
    shell.run([into / "bin" / "pip", "install", "-q", "--require-hashes", "-r", UV_PINS], log="uv", hint=HINT)
