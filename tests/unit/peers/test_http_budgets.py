"""What one object may ask at a time, and that it costs nobody else anything."""

import asyncio
from collections.abc import Hashable

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer

from eagleray.peers import http
from eagleray.peers.errors import (
    UnreachableError,
)
from eagleray.peers.http import CONTROL, DEPLOY, PURPOSES, STREAMS, Http, Purpose
from unit.peers.asking import Gate, as_object, port_of, request, serving


async def test_an_object_takes_its_part_of_the_room_for_large_answers_and_no_more(client: Http) -> None:
    gate = Gate()

    async def begin(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b" " * (http._SMALL_BYTES + 1))
        await gate.handle(asked)
        return response

    async def large(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b" " * (CONTROL.max_bytes))

    async with serving(begin) as bad, serving(large) as good:
        mine = [
            asyncio.create_task(client.ask(CONTROL, "ns/hostile", request(port_of(bad)), len))
            for _ in range(CONTROL.at_once)
        ]
        await gate.until(CONTROL.at_once)
        others = (client.ask(CONTROL, f"ns/{n}", request(port_of(good)), len) for n in range(50))
        assert set(await asyncio.gather(*others)) == {CONTROL.max_bytes}
        assert client._large._value >= http._LARGE_AT_ONCE - http._LARGE_OF_ONE
        gate.opened.set()
        await asyncio.gather(*mine)
    assert client._large._value == http._LARGE_AT_ONCE
    assert len(client._large_of) == 0


@pytest.mark.parametrize("purpose", PURPOSES, ids=lambda purpose: purpose.name)
async def test_an_object_has_its_budget_and_no_more(purpose: Purpose, client: Http) -> None:
    gate = Gate()
    async with serving(gate.handle) as server:
        mine = [
            asyncio.create_task(client.ask(purpose, "ns/hostile", request(port_of(server)), as_object))
            for _ in range(2 * purpose.at_once)
        ]
        await gate.until(purpose.at_once)
        gate_of_another = Gate()
        gate_of_another.opened.set()
        async with serving(gate_of_another.handle) as another:
            assert await client.ask(purpose, "ns/other", request(port_of(another)), as_object) == {}
        assert not any(task.done() for task in mine)
        gate.opened.set()
        await asyncio.gather(*mine)
    assert gate.most == purpose.at_once
    assert len(client._budgets[purpose]) == 0


async def test_waiting_for_the_budget_counts_into_the_deadline(client: Http) -> None:
    gate = Gate()
    async with serving(gate.handle) as server:
        mine = [
            asyncio.create_task(client.ask(DEPLOY, "ns/m", request(port_of(server)), as_object))
            for _ in range(DEPLOY.at_once)
        ]
        await gate.until(DEPLOY.at_once)
        with pytest.raises(UnreachableError, match="other questions of this object were under way"):
            await client.ask(DEPLOY, "ns/m", request(port_of(server), seconds=0.05), as_object)
        assert gate.most == DEPLOY.at_once
        gate.opened.set()
        await asyncio.gather(*mine)


async def test_two_hundred_objects_that_listen_and_a_hostile_one_cost_nobody_anything(client: Http) -> None:
    sleeping, hostile, healthy = Gate(), Gate(), Gate()
    healthy.opened.set()
    async with serving(sleeping.handle) as holder, serving(hostile.handle) as bad, serving(healthy.handle) as good:

        def ask(purpose: Purpose, owner: Hashable, server: BaseTestServer) -> asyncio.Task[object]:
            return asyncio.create_task(client.ask(purpose, owner, request(port_of(server), seconds=120), as_object))

        listening = [ask(STREAMS, f"ns/{n}", holder) for n in range(200) for _ in range(2)]
        hanging = [ask(purpose, "ns/hostile", bad) for purpose in PURPOSES for _ in range(200)]
        await sleeping.until(400)
        await hostile.until(sum(purpose.at_once for purpose in PURPOSES))
        for purpose in PURPOSES:
            assert await ask(purpose, "ns/good", good) == {}
        assert not any(task.done() for task in [*listening, *hanging])
        sleeping.opened.set()
        hostile.opened.set()
        await asyncio.gather(*listening, *hanging)


async def test_a_question_that_is_given_up_takes_nothing_with_it(client: Http) -> None:
    gate = Gate()
    async with serving(gate.handle) as server:
        given_up = asyncio.create_task(client.ask(CONTROL, "ns/m", request(port_of(server)), as_object))
        await gate.until(1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        gate.opened.set()
        assert await client.ask(CONTROL, "ns/m", request(port_of(server)), as_object) == {}
    assert len(client._budgets[CONTROL]) == 0
