"""Steady load from inside the cluster: python load.py URL --rate 30 --body '{"num": 7}'.

Requests start on time whether or not earlier ones were answered (open loop); with --at-once so many are always under
way, each followed by the next (closed loop). Most are sent on kept-alive connections, some on fresh ones. The first
right answer is announced by a line `started`; when standard input ends, what is under way is waited for and the last
line is the result, one JSON object. A request fails when it is not answered 2xx, not answered in time, answered
wrongly, or not answered at all.
"""

import argparse
import asyncio
import json
import ssl
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

SESSIONS = 8
MAX_FAILURES_TOLD = 50
# More than the router's own clock, `requestTimeout`, gives a request: what ends one is never this machine's speed.
PATIENCE_SECONDS = 90.0


@dataclass
class Seen:
    """What came back so far."""

    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    failed: int = 0
    seconds: list[float] = field(default_factory=list)
    revisions: dict[str, dict[str, float]] = field(default_factory=dict)

    def answered(self, revision: str, took: float) -> None:
        """Note a right answer."""
        now = time.time()
        self.seconds.append(took)
        entry = self.revisions.setdefault(revision, {"first": now, "last": now, "count": 0})
        entry["last"] = now
        entry["count"] += 1

    def lost(self, began: float, connection: str, text: str) -> None:
        """Note a failed request."""
        self.failed += 1
        if len(self.failures) < MAX_FAILURES_TOLD:
            took = round(time.time() - began, 3)
            self.failures.append({"time": began, "took": took, "connection": connection, "error": text[:300]})

    def result(self, sent: int, began: float) -> dict[str, Any]:
        """Everything, for the test."""
        ordered = sorted(self.seconds)
        at = {f"p{p}": 1000 * ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 99) if ordered}
        return {
            "sent": sent,
            "failed": self.failed,
            "statuses": dict(self.statuses),
            "failures": self.failures,
            "latency_ms": {**at, "max": 1000 * ordered[-1]} if ordered else {},
            "revisions": self.revisions,
            "began": began,
            "ended": time.time(),
        }


@dataclass(frozen=True)
class Call:
    """The request that is sent over and over."""

    url: str
    body: bytes
    expected: Any
    timeout: float
    headers: dict[str, str]
    ca: str = ""

    def session(self) -> aiohttp.ClientSession:
        """Connections of its own."""
        context = ssl.create_default_context(cafile=self.ca) if self.ca else True
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def send(self, session: aiohttp.ClientSession, seen: Seen, connection: str) -> None:
        """Send one and note what comes of it."""
        began = time.time()
        headers = {"content-type": "application/json", **self.headers}
        try:
            async with session.post(
                self.url, data=self.body, headers=headers, timeout=aiohttp.ClientTimeout(self.timeout)
            ) as response:
                text = await response.text()
                seen.statuses[str(response.status)] += 1
                problem = self._problem(response.status, text)
                if problem:
                    seen.lost(began, connection, problem)
                else:
                    seen.answered(response.headers.get("x-eagleray-revision", ""), time.time() - began)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            kind = type(error).__name__
            seen.statuses[kind] += 1
            seen.lost(began, connection, f"{kind}: {error}")

    def _problem(self, status: int, text: str) -> str:
        if not 200 <= status < 300:
            return f"{status}: {text}"
        if self.expected is not None and json.loads(text) != self.expected:
            return f"wrong answer: {text}"
        return ""


class Load:
    """Sends on time until it is told to stop."""

    def __init__(self, call: Call, rate: float, at_once: int, fresh_every: int) -> None:
        self._call = call
        self._rate = rate
        self._at_once = at_once
        self._fresh_every = fresh_every
        self._seen = Seen()
        self._tasks: set[asyncio.Task[None]] = set()
        self._announced = False

    async def run(self, stop: asyncio.Event, limit: float) -> dict[str, Any]:
        """Send until `stop` is set or `limit` seconds are over."""
        began, start, sent = time.time(), time.monotonic(), 0
        sessions = [self._call.session() for _ in range(SESSIONS)]
        try:
            while not stop.is_set() and time.monotonic() - start < limit:
                await self._turn(start + sent / self._rate)
                self._spawn(sessions[sent % SESSIONS], fresh=sent % self._fresh_every == 0)
                sent += 1
                self._announce()
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for session in sessions:
                await session.close()
        return self._seen.result(sent, began)

    async def _turn(self, due: float) -> None:
        """Wait until the next request may be sent."""
        if not self._at_once:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        elif len(self._tasks) >= self._at_once:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def _spawn(self, session: aiohttp.ClientSession, *, fresh: bool) -> None:
        work = self._fresh() if fresh else self._call.send(session, self._seen, "kept")
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fresh(self) -> None:
        async with self._call.session() as session:
            await self._call.send(session, self._seen, "fresh")

    def _announce(self) -> None:
        if not self._announced and self._seen.seconds:
            self._announced = True
            sys.stdout.write("started\n")
            sys.stdout.flush()


async def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=20.0, help="requests per second")
    parser.add_argument("--at-once", type=int, default=0, help="requests under way; 0: as many as the rate brings")
    parser.add_argument("--body", required=True, help="JSON")
    parser.add_argument("--ca", default="", help="file of the authority whose certificates are believed")
    parser.add_argument("--header", action="append", default=[], help="name=value")
    parser.add_argument("--expected", help="JSON that every answer must equal")
    parser.add_argument("--timeout", type=float, default=PATIENCE_SECONDS, help="seconds for one request")
    parser.add_argument("--fresh-every", type=int, default=5, help="every n-th request opens a connection of its own")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds until it ends by itself")
    args = parser.parse_args()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    expected = json.loads(args.expected) if args.expected else None
    headers = dict(header.split("=", 1) for header in args.header)
    call = Call(args.url, args.body.encode(), expected, args.timeout, headers, args.ca)
    result = await Load(call, args.rate, args.at_once, args.fresh_every).run(stop, args.limit)
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
