"""`ray start` without what is never used here: docs/adr/0013-a-shorter-ray-start.md.

A head's workers, which are Serve's controller, proxy and builder of applications, run it as a file, so that Serve has
no pandas there. Beside it a thread tells what constructors say: docs/adr/0028-a-constructor-says-that-it-lives.md.

Nothing of the operator imports this file: `ray_start()` of `resources/pod.py` hands its text to the Python of the Ray
container, whose image knows nothing of Eagleray.
"""

import json
import os
import runpy
import socket
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Any

# What is taken away are Ray's own internals: any other version starts as Ray means it to.
_TRIED = "2.60.0"
# The commands `ray serve`, `ray list` and `ray job`: Ray's command line does without those that it cannot import.
_COMMANDS = ("ray.serve.scripts", "ray.util.state.state_cli", "ray.dashboard.modules.job.cli")
# Serve's REST API, and the health of GCS.
_DASHBOARD_MODULES = "--modules-to-load=ServeHead,ReportHead"
_WORKER = "ray._private.workers.default_worker"
_FILE = "/tmp/eagleray/worker.py"  # noqa: S108 -- a volume of the Pod's own
# Takes pandas in if it finds it, to turn the frames that replicas answer with into JSON.
_ENCODERS = "ray.serve._private.utils"
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
        return start_ray_process(_LESS.get(process_type, list)(command), process_type, *args, **options)

    services.start_ray_process = start_less
    if file := os.environ.get(_FILE_VARIABLE):
        threading.Thread(target=tell, args=(file, PROGRESS_PORT), daemon=True).start()
    scripts.get_ray_client_dependency_error = lambda: ImportError("Nobody connects by Ray Client.")
    scripts.main()


def without_pandas() -> None:
    """Be one of Ray's workers, whose Serve finds no pandas: 0.5 s of a processor and 60 MB in each process.

    What applications import there finds it.
    """
    worker = str(getattr(find_spec(_WORKER), "origin", None))
    sys.meta_path.insert(0, NoPandasForServe())
    sys.path[0] = os.path.dirname(worker)  # noqa: PTH120 -- as it is for a script
    runpy.run_path(worker, run_name="__main__")


class NoPandasForServe:
    """Says where a module is that is imported: nowhere, if it is pandas, and Serve that imports it."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Leave it to others to find it.

        Raises:
            ModuleNotFoundError: it is pandas, and Serve's encoders that ask.
        """
        if name == "pandas" and _importer(sys._getframe(1)) == _ENCODERS:  # noqa: SLF001 -- nothing else knows who
            raise ModuleNotFoundError("A head answers with no frames.", name=name)


def _importer(frame: FrameType | None) -> str:
    while frame and (name := str(frame.f_globals.get("__name__", ""))).startswith("importlib."):
        frame = frame.f_back
    return name if frame else ""


def _fewer_modules(command: list[str]) -> list[str]:
    return [*command, _DASHBOARD_MODULES]


def _workers_without_pandas(command: list[str]) -> list[str]:
    """Have a head's raylet start this file in place of Ray's own script; this process was given it as its text."""
    if "--head" not in sys.argv:
        return command
    os.makedirs(os.path.dirname(_FILE), exist_ok=True)  # noqa: PTH103, PTH120 -- pathlib would be one import more
    with open(_FILE, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(sys.orig_argv[sys.orig_argv.index("-c") + 1])
    return [_with_file(word) if word.startswith("--python_worker_command=") else word for word in command]


def _with_file(words: str) -> str:
    return " ".join(_FILE if word.endswith("/default_worker.py") else word for word in words.split(" "))


_LESS = {"dashboard": _fewer_modules, "raylet": _workers_without_pandas}


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
    # As a text it is what a container runs, as a file what a raylet does.
    without_pandas() if "__file__" in globals() else main()
