"""The registry on this machine that carries images to the nodes: `localhost:5000`, its data in the cache folder."""

import json
import os
import shutil
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

from . import cache, shell
from .machine import PROBE, Mode, unpack
from .progress import HarnessError, say

PORT = 5000
ADDRESS = f"localhost:{PORT}"
CONTAINER = "eagleray-registry"
LIMIT_BYTES = 15 * 2**30
MANIFESTS = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
INDEXES = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"


def ensure(mode: Mode) -> None:
    """Start the registry if it does not answer; empty it if it has grown too large (images are pushed again)."""
    with cache.lock("registry"):
        _bound_size()
        if _answers():
            return
        say(f"Starting the image registry at {ADDRESS}")
        if mode is Mode.STOCK:
            _start_container()
        else:
            _start_process()
        for _ in range(100):
            if _answers():
                return
            time.sleep(0.1)
        raise HarnessError(
            f"The image registry does not answer at {ADDRESS}",
            log=shell.log_path("registry"),
            hint=f"see what else listens on port {PORT}",
        )


def digest(repository: str, tag: str) -> str:
    """The digest by which the registry holds this image, or "" where it does not."""
    request = urllib.request.Request(
        f"http://{ADDRESS}/v2/{repository}/manifests/{tag}",
        method="HEAD",
        headers={"Accept": f"{MANIFESTS}, {INDEXES}"},
    )
    try:
        with _open(request) as response:
            return str(response.headers["Docker-Content-Digest"])
    except urllib.error.HTTPError as e:
        if e.code == 404:
            return ""
        raise HarnessError(f"The image registry answers {e.code} for {repository}:{tag}") from e


def write_hosts(mode: Mode) -> None:
    """Tell the nodes' containerd where the registry is; it reads the file at each pull.

    Raises:
        HarnessError: The clusters' network does not exist yet.
    """
    if mode is Mode.STOCK:
        # A container that is in the network already makes Docker refuse; the aim is reached either way.
        shell.succeeds(["docker", "network", "connect", "kind", CONTAINER])
        host = CONTAINER
    else:
        networks = json.loads(shell.capture(["docker", "network", "inspect", "kind"]))
        gateways = [c.get("Gateway", "") for c in networks[0]["IPAM"]["Config"]]
        host = next(g for g in gateways if "." in g)
    _hosts().parent.mkdir(parents=True, exist_ok=True)
    _hosts().write_text(f'[host."http://{host}:{PORT}"]\n  capabilities = ["pull", "resolve"]\n')


def inside() -> str:
    """Where nodes and Pods find the registry, `host:port`."""
    (url,) = tomllib.loads(_hosts().read_text())["host"]
    return str(url).removeprefix("http://")


def _hosts() -> Path:
    return cache.folder() / "nodes" / "certs.d" / ADDRESS / "hosts.toml"


def _answers() -> bool:
    try:
        with _open(urllib.request.Request(f"http://{ADDRESS}/v2/")):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _open(request: urllib.request.Request) -> "urllib.request._UrlopenRet":
    # Whatever proxy there is, this machine's own registry is not behind it.
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5)


def _data() -> Path:
    path = cache.folder() / "registry"
    path.mkdir(exist_ok=True)
    return path


def _bound_size() -> None:
    used = int(shell.capture(["du", "-sk", _data()]).split()[0]) * 1024
    if used > LIMIT_BYTES:
        say(f"The image registry holds {used >> 30} GiB: emptying it, current images are pushed again")
        for child in _data().iterdir():
            shutil.rmtree(child)


def _start_container() -> None:
    shell.succeeds(["docker", "rm", "-f", CONTAINER])
    volume = f"{_data()}:/var/lib/registry"
    publish = f"127.0.0.1:{PORT}:{PORT}"
    start = ["docker", "run", "-d", "--restart=always", "--name", CONTAINER, "-p", publish, "-v", volume]
    shell.run([*start, PROBE], log="registry")


def _start_process() -> None:
    program = _program()
    config = cache.folder() / "registry.json"
    settings = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(_data())}, "delete": {"enabled": True}},
        "http": {"addr": f":{PORT}"},
    }
    config.write_text(json.dumps(settings))
    shell.fresh_log("registry")
    with shell.log_path("registry").open("ab") as log:
        subprocess.Popen(
            [program, "serve", config],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"},
        )


def _program() -> Path:
    """Debian's docker-registry, unpacked and not installed: its package would start a service of its own."""
    entry = cache.entry("docker-registry", ["1"], partial(unpack, "docker-registry"))
    return entry / "usr" / "bin" / "docker-registry"
