from collections.abc import AsyncIterator

import pytest

from eagleray.peers.http import Http


@pytest.fixture
async def client() -> AsyncIterator[Http]:
    client = Http()
    yield client
    await client.close()
