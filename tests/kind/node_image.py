"""The image of a kind node, and the base image of the project's own images."""

import os
import tempfile
from pathlib import Path

from . import cache, shell, toolchain
from .machine import Mode, install, mirror
from .progress import timed

BUILT = cache.HERE / "built"
TRUST_STORE = Path("/etc/ssl/certs/ca-certificates.crt")
STOCK_OS_BASE = "python:3.13-slim"


def node_tag() -> str:
    """The name of the node image that is built here."""
    inputs: list[str | Path] = [BUILT / "node", BUILT / "manifests", BUILT / "node-base.sh", BUILT / "node-image.sh"]
    for program in (*toolchain.NODE, toolchain.KUBECTL):
        inputs += toolchain.inputs(program)
    return f"eagleray/node:{cache.digest(*inputs)}"


def ensure_node(mode: Mode) -> str:
    """The node image's name, built if need be; nothing where kind knows its own."""
    if mode is Mode.STOCK:
        return ""
    tag = node_tag()
    with cache.lock("node-image"):
        if not _exists(tag):
            # Those are bound by the processor, this by the network.
            shell.together(toolchain.node_programs, _ensure_node_base)
            programs, base = toolchain.node_programs(), _ensure_node_base()
            shell.fresh_log("node-image")
            with timed("Node image"):
                script: list[str | Path] = [BUILT / "node-image.sh", tag, base, toolchain.KUBERNETES, programs]
                shell.run(script, log="node-image", env={"TMPDIR": str(cache.folder())})
            _forget_others(tag)
    return tag


def _ensure_node_base() -> str:
    tag = f"eagleray/node-base:{cache.digest(BUILT / 'node', BUILT / 'node-base.sh')}"
    if not _exists(tag):
        _debootstrap("node-base", tag, "Node's operating system")
    return tag


def ensure_os_base(mode: Mode) -> str:
    """The name of the image that the project's own images start from, made if need be."""
    if mode is Mode.STOCK:
        return _stock_os_base()
    trust = TRUST_STORE.read_text() if TRUST_STORE.exists() else ""
    tag = f"eagleray/os-base:{cache.digest(BUILT / 'os-base.sh', trust)}"
    with cache.lock("os-base"):
        if not _exists(tag):
            _debootstrap("os-base", tag, "Base image (Debian, Python)")
    return tag


def _stock_os_base() -> str:
    """The ordinary base image, with the certificates that this machine is told to trust if there are any."""
    told = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    if not told or not Path(told).exists():
        return STOCK_OS_BASE
    certificates = Path(told).read_text()
    dockerfile = (
        f"FROM {STOCK_OS_BASE}\nCOPY {TRUST_STORE.name} {TRUST_STORE}\n"
        f"ENV SSL_CERT_FILE={TRUST_STORE} PIP_CERT={TRUST_STORE} REQUESTS_CA_BUNDLE={TRUST_STORE}\n"
    )
    tag = f"eagleray/os-base:{cache.digest(dockerfile, certificates)}"
    if not _exists(tag):
        with tempfile.TemporaryDirectory(dir=cache.folder()) as context:
            (Path(context) / "Dockerfile").write_text(dockerfile)
            (Path(context) / TRUST_STORE.name).write_text(certificates)
            shell.run(["docker", "build", "-t", tag, context], log="os-base")
    return tag


def _forget_others(tag: str) -> None:
    """Remove the node images before this one, but for those that a cluster still runs on."""
    listed = shell.capture(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", tag.partition(":")[0]])
    for other in listed.split():
        if other != tag:
            shell.succeeds(["docker", "rmi", other])


def _debootstrap(script: str, tag: str, what: str) -> None:
    if not shell.succeeds(["debootstrap", "--version"]):
        install("debootstrap", reason=what)
    shell.fresh_log(script)
    with timed(what):
        hint = "see whether the distribution's mirror is reachable (apt-get update), then run this again"
        arguments: list[str | Path] = [BUILT / f"{script}.sh", tag, *mirror()]
        shell.run(arguments, log=script, env={"TMPDIR": str(cache.folder())}, hint=hint)


def _exists(tag: str) -> bool:
    return shell.succeeds(["docker", "image", "inspect", tag])
