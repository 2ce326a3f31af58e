from collections.abc import AsyncIterator

import pytest

from eagleray.peers.http import Http
from unit.peers.asking import OnLoopback


@pytest.fixture
async def client() -> AsyncIterator[Http]:
    client = Http(OnLoopback())
    yield client
    await client.close()
