"""The client Pod's scripts as modules, for tests that share their tables."""

import importlib.util
import sys
from types import ModuleType

from e2e.client import SCRIPTS


def script(name: str) -> ModuleType:
    """One of tests/e2e/client, by its file's name without the ending."""
    module_name = f"e2e_client_{name}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, SCRIPTS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[module_name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[module_name])
    return sys.modules[module_name]
