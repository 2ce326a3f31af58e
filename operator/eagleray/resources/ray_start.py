"""`ray start` without what is never used here: docs/adr/0013-a-shorter-ray-start.md.

Nothing of the operator imports this file: `ray_start()` of `resources/pod.py` hands its text to the Python of the Ray
container, whose image knows nothing of Eagleray.
"""

import os
import sys
from importlib import import_module
from typing import Any

# What is taken away are Ray's own internals: any other version starts as Ray means it to.
_TRIED = "2.60.0"
# The commands `ray serve`, `ray list` and `ray job`: Ray's command line does without those that it cannot import.
_COMMANDS = ("ray.serve.scripts", "ray.util.state.state_cli", "ray.dashboard.modules.job.cli")
# Serve's REST API, and the health of GCS.
_DASHBOARD_MODULES = "--modules-to-load=ServeHead,ReportHead"


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
    scripts.get_ray_client_dependency_error = lambda: ImportError("Nobody connects by Ray Client.")
    scripts.main()


def _version() -> str | None:
    try:
        return str(import_module("ray").__version__)
    except ImportError:
        return None


if __name__ == "__main__":
    main()
