"""What a router Pod mounts, laid as kubelet lays it, and the program that turns it into Envoy's files."""

import asyncio
import itertools
import os
from collections.abc import Mapping
from pathlib import Path

from eagleray.domain.facts.router_layout import CREDENTIALS_FILE, KUBELET_DATA, RouterLayout
from eagleray_credentials.maker import Maker
from eagleray_credentials.server import Server
from eagleray_credentials.sources import TOKEN_VARIABLE

TOKEN = "t" * 64
Entries = Mapping[str, str] | Mapping[str, str | bytes]


class Mounts:
    """The folders of one router."""

    def __init__(self, layout: RouterLayout) -> None:
        self._layout = layout
        self._generation = itertools.count()
        self._server: Server | None = None

    def put(self, name: str, entries: Entries) -> None:
        """Lay a Secret or a ConfigMap of these entries, in place of the one before."""
        folder = Path(self._layout.mounted_dir, name)
        data = folder / f"..{next(self._generation)}"
        data.mkdir(parents=True)
        for entry, content in entries.items():
            (data / entry).write_bytes(content if isinstance(content, bytes) else content.encode())
        new = folder / "..data_tmp"
        new.symlink_to(data.name)
        new.rename(folder / KUBELET_DATA)
        for entry in entries:
            if not (folder / entry).is_symlink():
                (folder / entry).symlink_to(f"{KUBELET_DATA}/{entry}")

    async def start(self) -> None:
        """Make the files as the init container does, and then again and again as the container beside Envoy does."""
        layout = self._layout
        made = Path(layout.credentials_dir)
        await asyncio.to_thread(made.mkdir)
        os.environ[TOKEN_VARIABLE] = TOKEN
        maker = Maker(Path(layout.config_dir, KUBELET_DATA, CREDENTIALS_FILE), made)
        self._server = Server(maker, layout.credentials_port)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()
            self._server = None
