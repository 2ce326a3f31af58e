"""Counts who answers: python split.py URL --requests 10000 --users 0 --body '{"num": 7}'.

Sends so many requests, a few at a time, and prints one JSON object: how many each version answered, how many failed,
and, with users, which version each of them met; a user is the value of a header.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter, defaultdict

import aiohttp


class Count:
    """What came back."""

    def __init__(self) -> None:
        self.versions: Counter[str] = Counter()
        self.revisions: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.retry_after: Counter[str] = Counter()
        self.users: defaultdict[str, set[str]] = defaultdict(set)

    def told(self) -> str:
        users = {user: sorted(seen) for user, seen in self.users.items()}
        counted = {"versions": self.versions, "revisions": self.revisions, "statuses": self.statuses, "users": users}
        counted["retry_after"] = self.retry_after
        return json.dumps(counted)


async def ask(session: aiohttp.ClientSession, args: argparse.Namespace, number: int, count: Count) -> None:
    """Send the request of this number and note who answered."""
    headers = {"content-type": "application/json", **dict(h.split("=", 1) for h in args.header)}
    user = f"user-{number % args.users}" if args.users else ""
    if user:
        headers[args.user_header] = user
    try:
        async with session.post(args.url, data=args.body.replace("NUMBER", str(number)), headers=headers) as response:
            await response.read()
            status, version = str(response.status), response.headers.get("x-eagleray-version", "")
            count.revisions[response.headers.get("x-eagleray-revision", "")] += 1
            if "retry-after" in response.headers:
                count.retry_after[response.headers["retry-after"]] += 1
    except (aiohttp.ClientError, TimeoutError) as error:
        status, version = type(error).__name__, ""
    count.statuses[status] += 1
    count.versions[version] += 1
    if user:
        count.users[user].add(version)


async def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--timeout", type=float, default=90, help="seconds for one request")
    parser.add_argument("--users", type=int, default=0)
    parser.add_argument("--user-header", default="x-user-id")
    parser.add_argument("--header", action="append", default=[], help="name=value")
    parser.add_argument("--body", default="{}", help="with the number of the request where it says NUMBER")
    args = parser.parse_args()
    count, numbers = Count(), iter(range(args.requests))

    async def worker(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            await ask(session, args, number, count)

    connections = aiohttp.TCPConnector(limit=args.at_once)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(args.timeout), connector=connections) as session:
        await asyncio.gather(*(worker(session) for _ in range(args.at_once)))
    sys.stdout.write(count.told() + "\n")


if __name__ == "__main__":
    asyncio.run(main())
