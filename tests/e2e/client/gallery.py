"""Asks each topic of tests/e2e/apps/gallery.py: python gallery.py URL [--stream SECONDS].

Prints {topic: what is wrong}.
"""

import argparse
import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

TIMEOUT_SECONDS = 120
Ask = aiohttp.ClientSession
Topic = Callable[[Ask], Awaitable[None]]


async def get(ask: Ask, path: str, status: int = 200, **headers: str) -> Any:
    """The JSON of an answer."""
    async with ask.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()}) as answer:
        text = await answer.text()
        assert answer.status == status, f"{answer.status}: {text}"
        return json.loads(text)


async def composition(ask: Ask) -> None:
    """10 MiB pass from one deployment to another, unharmed."""
    first, *others = await asyncio.gather(*(get(ask, "/payload?mebibytes=10") for _ in range(4)))
    assert first["bytes"] == 10 * 2**20, first
    assert all(other == first for other in others), others


async def batches(ask: Ask) -> None:
    """Requests that come together are answered together, each with its own answer."""
    found = await asyncio.gather(*(get(ask, f"/square?number={n}") for n in range(32)))
    assert [one["square"] for one in found] == [n * n for n in range(32)], found
    assert max(one["batch"] for one in found) > 1, found


async def multiplexed(ask: Ask) -> None:
    """The model that is named answers; of three, two are loaded at a time."""
    for name in ("a", "bb", "ccc", "bb"):
        found = await get(ask, "/multiplexed?number=2", serve_multiplexed_model_id=name)
        assert (found["model"], found["result"]) == (name, 2 * len(name)), found


async def user_config(ask: Ask) -> None:
    """A deployment has taken it over."""
    assert await get(ask, "/greeting") == "hello hello"


async def runtime_env(ask: Ask) -> None:
    """A deployment has a package and a variable that the others lack."""
    assert await get(ask, "/apart") == ["a package of its own", "a variable of its own"]


async def mounted_router(ask: Ask) -> None:
    """Prefix, path parameter and dependency of FastAPI."""
    assert await get(ask, "/numbers/21/double", authorization="Bearer me") == {"result": 42, "for": "me"}
    await get(ask, "/numbers/21/double", status=401)
    await get(ask, "/numbers/many/double", status=422, authorization="Bearer me")


async def stream(ask: Ask) -> None:
    """A generator that is not async."""
    async with ask.get("/lines?count=100") as answer:
        assert (await answer.text()).split() == [str(n) for n in range(100)]


async def broken_stream(ask: Ask) -> None:
    """A client sees that a stream did not end as it should."""
    try:
        async with ask.get("/events?count=3&fail=true") as answer:
            assert answer.status == 200, answer.status
            text = await answer.text()
    except aiohttp.ClientPayloadError:
        return
    raise AssertionError(f"taken for whole: {text}")


async def websocket(ask: Ask) -> None:
    """Both sides speak, and may be silent for a while."""
    async with ask.ws_connect("/ws") as socket:
        for word in ("hello", "x" * 100_000):
            await socket.send_str(word)
            assert await socket.receive_str() == word[::-1]
            await asyncio.sleep(1)


async def chat(ask: Ask) -> None:
    """Tokens come one after the other, and are those of the whole answer."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "what of the model"}], "max_tokens": 12}
    async with ask.post("/v1/chat/completions", json=body) as answer:
        whole = (await answer.json())["choices"][0]["message"]["content"]
    words, arrivals = [], set()
    async with ask.post("/v1/chat/completions", json={**body, "stream": True, "pause": 0.1}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.content:
            data = line.decode().strip().removeprefix("data: ")
            if data and data != "[DONE]":
                words.append(json.loads(data)["choices"][0]["delta"]["content"].strip())
                arrivals.add(round(asyncio.get_running_loop().time(), 2))
    assert " ".join(words) == whole, (words, whole)
    assert len(arrivals) > len(words) // 2, f"they came together: {arrivals}"


def long_stream(seconds: int) -> Topic:
    """One that goes on for so long."""

    async def ask_for_it(ask: Ask) -> None:
        async with ask.get(f"/events?count={seconds}&pause=1") as answer:
            events = (await answer.text()).split("\n\n")
        assert len(events) == seconds + 1, f"{len(events) - 1} of {seconds} events"

    return ask_for_it


async def told(topic: Topic, ask: Ask) -> str:
    """What is wrong with a topic; "" where nothing is."""
    try:
        await topic(ask)
    except (AssertionError, aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        return traceback.format_exc(limit=3)
    return ""


async def run(url: str, stream_seconds: int) -> dict[str, str]:
    """Ask all of them, side by side."""
    topics: list[Topic] = [composition, batches, multiplexed, user_config, runtime_env, mounted_router]
    topics += [stream, broken_stream, websocket, chat]
    named = {topic.__name__: topic for topic in topics} | {"long_stream": long_stream(stream_seconds)}
    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(TIMEOUT_SECONDS)) as ask:
        found = await asyncio.gather(*(told(topic, ask) for topic in named.values()))
    return dict(zip(named, found, strict=True))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--stream", type=int, default=5, help="seconds that a stream takes")
    args = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(run(args.url, args.stream))) + "\n")


if __name__ == "__main__":
    main()
