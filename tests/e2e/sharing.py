"""How pytest orders these tests, and how its workers share them out: what tests/e2e/modules.py says, as hooks."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from e2e import modules


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the phases."""
    for phase in modules.PHASES:
        config.addinivalue_line("markers", f"{phase}: when it runs; see tests/e2e/modules.py")


@pytest.hookimpl(tryfirst=True)  # before pytest reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and every one with its phase, and put them into order."""
    for item in items:
        item.add_marker(modules.place(item.nodeid).phase)
    ours = [item for item in items if item.path.parent.name == "e2e"]
    for item in ours:
        item.add_marker(pytest.mark.e2e)
    others = [item for item in items if item.path.parent.name != "e2e"]
    items[:] = others + sorted(ours, key=lambda item: modules.order(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let pytest-xdist give each worker one group after another.

    Its own `loadgroup` changes the names of tests, which pytest 9.2 ignores.
    """
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = lambda nodeid: modules.place(nodeid).group or nodeid
    return scheduler
