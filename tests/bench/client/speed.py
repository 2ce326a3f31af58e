"""Compares ways to ask for the same thing: latency of a lone client, throughput of many.

python speed.py < ways.json      (prints a JSON object)

The ways are {way: {"path", "addresses": ["host:port"], "body"}}. A body that is no text has a byte in each character,
and "headers" that say so. Arguments name what is measured, and how many turns there are: "latency=40 throughput=8".

All ways are measured in turns of a second or less, so that whatever else the machine does meets all alike. The client
speaks just enough HTTP/1.1 to be cheap: it shares the machine with what it measures.
"""

import asyncio
import json
import sys
import time
from typing import NotRequired, TypedDict

import uvloop

ROUNDS = {"latency": 40, "throughput": 8}
LATENCY_REQUESTS = 100
CLIENTS = 32
THROUGHPUT_SECONDS = 2.0
WARM_UP = 200


class Way(TypedDict):
    """One way to ask."""

    path: str
    body: str
    addresses: list[str]
    headers: NotRequired[dict[str, str]]


class Connection:
    """One kept-alive connection that sends the same request again and again."""

    def __init__(self, address: str, way: Way) -> None:
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        headers = {
            "host": self._host,
            "content-type": "application/json",
            "content-length": str(len(way["body"])),
            **way.get("headers", {}),
        }
        fields = [f"{name}: {value}" for name, value in headers.items()]
        self._request = "\r\n".join([f"POST {way['path']} HTTP/1.1", *fields, "", way["body"]]).encode("latin-1")

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def ask(self) -> float:
        """Send it once; seconds until the whole answer was there.

        Servers let go of connections that nobody has used for some seconds, which others' turns take.
        """
        try:
            return await self._once()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            await self.open()
            return await self._once()

    async def _once(self) -> float:
        began = time.perf_counter()
        self._writer.write(self._request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        if not lines[0].startswith("http/1.1 200"):
            raise RuntimeError(lines[0])
        length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), None)
        if length is None:
            await self._chunks()
        else:
            await self._reader.readexactly(length)
        return time.perf_counter() - began

    async def _chunks(self) -> None:
        """Read a body that was sent in chunks."""
        size = None
        while size != 0:
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            await self._reader.readexactly(size + 2)

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


async def connect(way: Way, count: int = 0) -> list[Connection]:
    """Open connections, spread over the way's addresses; one to each unless told."""
    addresses = way["addresses"]
    count = count or len(addresses)
    connections = [Connection(addresses[i % len(addresses)], way) for i in range(count)]
    for connection in connections:
        await connection.open()
        for _ in range(WARM_UP // count + 1):
            await connection.ask()
    return connections


async def latency(ways: dict[str, Way], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of one request at a time, for each way."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    connections = {name: await connect(way) for name, way in ways.items()}
    for _ in range(rounds):
        for way, found in seconds.items():
            for i in range(LATENCY_REQUESTS):
                found.append(await connections[way][i % len(connections[way])].ask())
    for connection in (c for of_way in connections.values() for c in of_way):
        connection.close()
    return {way: quantiles(found) for way, found in seconds.items()}


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    return {f"p{p}": round(1000 * ordered[len(ordered) * p // 100], 3) for p in (50, 99)}


async def throughput(ways: dict[str, Way], rounds: int) -> dict[str, dict[str, float]]:
    """Requests per second of many clients, for each way: the median round."""
    connections = {name: await connect(way, CLIENTS) for name, way in ways.items()}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            began = time.perf_counter()
            found = await asyncio.gather(*(hammer(c, began + THROUGHPUT_SECONDS) for c in connections[way]))
            flat = [s for of_one in found for s in of_one]
            rates[way].append(len(flat) / (time.perf_counter() - began))
            seconds[way] += flat
    for connection in (c for of_way in connections.values() for c in of_way):
        connection.close()
    middle = {way: sorted(found)[len(found) // 2] for way, found in rates.items()}
    return {way: {"rps": round(middle[way], 1), **quantiles(seconds[way])} for way in ways}


async def hammer(connection: Connection, until: float) -> list[float]:
    """Ask without a pause."""
    found = []
    while time.perf_counter() < until:
        found.append(await connection.ask())
    return found


async def main() -> None:
    """Run the command."""
    ways: dict[str, Way] = json.load(sys.stdin)
    rounds = {name: int(count) for name, _, count in (each.partition("=") for each in sys.argv[1:])} or ROUNDS
    found: dict[str, object] = {"clients": CLIENTS}
    if "latency" in rounds:
        found["latency_ms"] = await latency(ways, rounds["latency"])
    if "throughput" in rounds:
        found["throughput"] = await throughput(ways, rounds["throughput"])
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    uvloop.run(main())
