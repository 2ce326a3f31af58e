"""`ray start` without what is never used here: docs/adr/0013-a-shorter-ray-start.md.

Beside it a thread tells what constructors say of themselves: docs/adr/0028-a-constructor-says-that-it-lives.md.

Nothing of the operator imports this file: `ray_start()` of `resources/pod.py` hands its text to the Python of the Ray
container, whose image knows nothing of Eagleray.
"""

import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from typing import Any

# What is taken away are Ray's own internals: any other version starts as Ray means it to.
_TRIED = "2.60.0"
# The commands `ray serve`, `ray list` and `ray job`: Ray's command line does without those that it cannot import.
_COMMANDS = ("ray.serve.scripts", "ray.util.state.state_cli", "ray.dashboard.modules.job.cli")
# Serve's REST API, and the health of GCS.
_DASHBOARD_MODULES = "--modules-to-load=ServeHead,ReportHead"
# Where the operator asks (`domain/facts/ports.py`), and the variable with the file that constructors write.
PROGRESS_PORT = 8078
_FILE_VARIABLE = "EAGLERAY_PROGRESS_FILE"
_MOST_SAID = 200
# One that connects and says nothing keeps others waiting no longer than this.
_PATIENCE_SECONDS = 2.0


def main() -> None:
    """Run Ray's command line; exits with its status."""
    sys.argv[0] = "ray"
    if _version() != _TRIED:
        os.execvp("ray", sys.argv)  # noqa: S606, S607 -- whatever is called ray in the user's image
    # None stands for a module that cannot be imported: https://docs.python.org/3/reference/import.html#the-module-cache.
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(_COMMANDS))
    services: Any = import_module("ray._private.services")
    scripts: Any = import_module("ray.scripts.scripts")
    start_ray_process = services.start_ray_process

    def start_less(command: list[str], process_type: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        less = [_DASHBOARD_MODULES] if process_type == "dashboard" else []
        return start_ray_process([*command, *less], process_type, *args, **options)

    services.start_ray_process = start_less
    if file := os.environ.get(_FILE_VARIABLE):
        threading.Thread(target=tell, args=(file, PROGRESS_PORT), daemon=True).start()
    scripts.get_ray_client_dependency_error = lambda: ImportError("Nobody connects by Ray Client.")
    scripts.main()


def tell(file: str, port: int) -> None:
    """Tell whoever asks what the file says, and how long ago it was written, until the process ends.

    Args:
        file: the file that constructors write.
        port: where it is told; one that cannot be had keeps Ray from nothing.
    """
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    try:
        server = socket.create_server(("", port), family=family, dualstack_ipv6=family == socket.AF_INET6)
    except OSError as error:
        sys.stderr.write(f"Nobody is told what constructors say: port {port}: {error.strerror}\n")
        return
    while True:
        connection, _ = server.accept()
        connection.settimeout(_PATIENCE_SECONDS)
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(_answer(file))


def _answer(file: str) -> bytes:
    try:
        with open(file, encoding="utf-8", errors="replace") as said:  # noqa: PTH123 -- pathlib would be one import more
            words = said.read(_MOST_SAID).partition("\n")[0]
            still = max(0.0, time.time() - os.fstat(said.fileno()).st_mtime)
    except OSError:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    body = json.dumps({"done": 0, "rate": 0.0, "still": still, "said": words})
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n{body}".encode()


def _version() -> str | None:
    try:
        return str(import_module("ray").__version__)
    except ImportError:
        return None


if __name__ == "__main__":
    main()
