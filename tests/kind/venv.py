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
        _fill(VENV, PINS, log="venv")
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


def apart(name: str) -> Path:
    """The Python of an environment of its own, for what cannot be installed beside the rest.

    Args:
        name: That of its pins in requirements/, without ``.txt``.
    """
    pins = cache.REPO / "requirements" / f"{name}.txt"
    log = f"venv-{name}"

    def make(into: Path) -> None:
        shell.fresh_log(log)
        with timed(f"Python packages of requirements/{pins.name}"):
            _fill(into, pins, log=log)

    return cache.entry(log, [pins, sys.version], make) / "bin" / "python"


def _fill(venv: Path, pins: Path, *, log: str) -> None:
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
