"""What this machine has: a Docker engine, a registry of images, or neither. What is missing is brought, and said."""

import os
import shutil
import time
from enum import StrEnum
from pathlib import Path

from . import cache, shell
from .progress import HarnessError, say, timed

PROBE = "registry:2"  # needed anyway where a registry is reachable, and small


class Mode(StrEnum):
    """Where images come from."""

    STOCK = "stock"
    """A registry is reachable: the stock node image and ordinary base images."""
    BUILT = "built"
    """None is: the node image is built from Go modules, the base image from the distribution's packages."""


def prepare() -> Mode:
    """Bring a Docker engine up and find out where images come from."""
    with cache.lock("docker"):
        if docker_answers():
            say("Docker answers")
        else:
            _bring_docker()
        return _mode()


def docker_answers() -> bool:
    """Whether there is a Docker engine that this user can talk to."""
    return shell.succeeds(["docker", "info"], timeout=20)


def is_root() -> bool:
    """Whether this process may install packages and start daemons."""
    return os.geteuid() == 0


def install(*packages: str, reason: str) -> None:
    """Install packages of the distribution.

    Raises:
        HarnessError: This user may not, or the distribution has no apt.
    """
    names = " ".join(packages)
    if not is_root() or not shutil.which("apt-get"):
        raise HarnessError(f"{reason}: {names} needed", hint=f"install {names}, or run this as root on Debian")
    with cache.lock("apt"), timed(f"{reason}: apt-get install {names}"):
        _update_lists()
        command = ["apt-get", "install", "-qy", "--no-install-recommends", *packages]
        shell.run(command, log="apt", env={"DEBIAN_FRONTEND": "noninteractive"})


def unpack(package: str, into: Path) -> None:
    """Unpack a package of the distribution without installing it: no service is started, nothing else is changed."""
    download = ["apt-get", "download", "-q", package]
    with cache.lock("apt"):
        if not shell.succeeds(["apt-cache", "show", package]):
            _update_lists()
        shell.run(download, log="apt", cwd=into, hint="see whether apt-get update works, then run this again")
    for file in into.glob("*.deb"):
        shell.run(["dpkg-deb", "-x", file, into], log="apt")
        file.unlink()


def _update_lists() -> None:
    # A list that cannot be renewed may still be good enough: the installation decides.
    try:
        shell.run(["apt-get", "update", "-q"], log="apt")
    except HarnessError as failure:
        say(f"apt-get update: {failure}; going on with the lists that are here")


def mirror() -> list[str]:
    """The Debian mirror that this machine's apt uses, as the last argument of debootstrap; nothing for its default."""
    fields = ["Created-By: Packages", "Origin: Debian", "Label: Debian"]
    return shell.capture(["apt-get", "indextargets", "--format", "$(REPO_URI)", *fields]).split()[:1]


def lacks_capabilities(status: str, last: int) -> bool:
    """Whether root here has been denied a capability that the kernel knows.

    Args:
        status: The text of /proc/self/status.
        last: The number of the kernel's last capability (/proc/sys/kernel/cap_last_cap).
    """
    bounding = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
    return int(bounding, 16) != (1 << (last + 1)) - 1


def _bring_docker() -> None:
    has_client = shutil.which("docker") is not None
    say("There is a docker command but no engine answers" if has_client else "There is no Docker")
    if not is_root():
        raise HarnessError(
            "No Docker engine answers", hint="start Docker and let this user use it, or run this as root"
        )
    if not shutil.which("dockerd"):
        install("docker.io", reason="Docker engine from the distribution's packages")
    if Path("/run/systemd/system").exists():
        shell.run(["systemctl", "start", "docker"], log="dockerd")
    else:
        _start_dockerd()
    if not docker_answers():
        raise HarnessError("dockerd was started but does not answer", log=shell.log_path("dockerd"))


def _start_dockerd() -> None:
    script = cache.HERE / "built" / "start-dockerd.sh"
    arguments: list[str | Path] = [shell.log_path("dockerd")]
    status = Path("/proc/self/status").read_text()
    if lacks_capabilities(status, int(Path("/proc/sys/kernel/cap_last_cap").read_text())):
        say("root lacks capabilities here: containers start through runc-caps, which asks for no more than there is")
        # Out of the checkout: the daemon outlives it.
        runtime = cache.folder() / "runc-caps"
        shutil.copy(cache.HERE / "built" / "runc-caps", runtime)
        arguments.append(runtime)
    shell.fresh_log("dockerd")
    with timed("Starting dockerd"):
        shell.run([script, *arguments], log="dockerd-start")


def _mode() -> Mode:
    forced = os.environ.get("EAGLERAY_KIND_MODE")
    if forced:
        say(f"EAGLERAY_KIND_MODE={forced}")
        return Mode(forced)
    if shell.succeeds(["docker", "image", "inspect", PROBE]):
        say("A registry was reachable before: stock node image and base images")
        return Mode.STOCK
    if shell.capture(["docker", "images", "-q", "eagleray/node"]):
        say("A node image was built here before: going on with it")
        return Mode.BUILT
    began = time.monotonic()
    if shell.succeeds(["docker", "pull", PROBE], timeout=60):
        say("A registry is reachable: stock node image and base images")
        return Mode.STOCK
    seconds = time.monotonic() - began
    say(f"No image registry is reachable (tried for {seconds:.0f} s): the node image is built from Go modules,")
    say("the base image from the distribution's packages")
    if not is_root():
        raise HarnessError("Building images without a registry needs root", hint="run this as root, or with a registry")
    return Mode.BUILT
