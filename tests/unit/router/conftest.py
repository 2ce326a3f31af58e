import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from unit.router.envoy_rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, contextlib.AsyncExitStack() as stack:
        yield Rig(tmp_path, stack, session)
