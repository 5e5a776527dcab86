"""The gateway needs no daemon to start nor to stay, and finds one that came back at once."""

import asyncio
import time

import aiohttp
import pytest

from capyd.v1 import organizations_pb2
from capyd_http.config import HttpSettings
from capyd_http.server import ListenError, running_gateway
from tests.http.daemon import FakeDaemon
from tests.http.rest import Rest


async def test_through_the_life_of_a_daemon(short_dir):
    daemon = FakeDaemon(short_dir / "api.sock")
    daemon.answers["GetMe"] = organizations_pb2.GetMeResponse()
    async with (
        running_gateway(HttpSettings(listen_port=0, backend=daemon.target)) as port,
        aiohttp.ClientSession() as session,
    ):
        rest = Rest(session, port)
        for _ in range(2):
            reply = await rest("GET", "/v1/me")
            assert (reply.status, reply.json["code"]) == (503, "daemon_unreachable")
            assert "cannot be reached" in reply.json["error"]
            assert reply.headers["Retry-After"] == "2"
            assert (await rest("GET", "/readyz")).status == 503
            assert (await rest("GET", "/healthz")).status == 200
            assert (await rest("GET", "/v1/openapi.json")).status == 200

            await daemon.start()
            await until_answered(rest, within_seconds=5)
            assert (await rest("GET", "/readyz")).status == 200
            await daemon.stop()


@pytest.mark.full
async def test_a_daemon_that_was_away_for_long_is_found_as_soon(short_dir):
    """Without a ceiling the channel's patience grows with every attempt: by now it would wait for five seconds."""
    daemon = FakeDaemon(short_dir / "api.sock")
    daemon.answers["GetMe"] = organizations_pb2.GetMeResponse()
    async with (
        running_gateway(HttpSettings(listen_port=0, backend=daemon.target)) as port,
        aiohttp.ClientSession() as session,
    ):
        rest = Rest(session, port)
        away_until = time.monotonic() + 10
        while time.monotonic() < away_until:
            assert (await rest("GET", "/v1/me")).status == 503
        await daemon.start()
        await until_answered(rest, within_seconds=4)
        await daemon.stop()


async def until_answered(rest: Rest, *, within_seconds: float) -> None:
    async with asyncio.timeout(within_seconds):
        while (await rest("GET", "/v1/me")).status != 200:
            continue


async def test_a_daemon_that_dies_in_the_middle_of_a_call_is_503(short_dir):
    daemon = FakeDaemon(short_dir / "api.sock")
    called = asyncio.Event()

    async def hang(request):
        called.set()
        await asyncio.sleep(60)

    daemon.answers["GetMe"] = hang
    await daemon.start()
    async with (
        running_gateway(HttpSettings(listen_port=0, backend=daemon.target)) as port,
        aiohttp.ClientSession() as session,
    ):
        asking = asyncio.create_task(Rest(session, port)("GET", "/v1/me"))
        await called.wait()
        await daemon.stop()
        assert (await asking).status == 503


async def test_a_request_in_hand_is_finished_when_the_gateway_stops(short_dir):
    daemon = FakeDaemon(short_dir / "api.sock")
    called, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(request):
        called.set()
        await may_answer.wait()
        return organizations_pb2.GetMeResponse()

    daemon.answers["GetMe"] = wait
    await daemon.start()
    async with aiohttp.ClientSession() as session:
        gateway = running_gateway(HttpSettings(listen_port=0, backend=daemon.target))
        rest = Rest(session, await gateway.__aenter__())
        asking = asyncio.create_task(rest("GET", "/v1/me"))
        await called.wait()
        stopping = asyncio.create_task(gateway.__aexit__(None, None, None))
        await refused(rest.port)
        assert not (await asyncio.wait({stopping}, timeout=0.3))[0]
        may_answer.set()
        assert (await asking).status == 200
        await stopping
    await daemon.stop()


async def refused(port: int) -> None:
    """Return when nobody listens on the port any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return
        writer.close()
        await asyncio.sleep(0)


async def test_a_port_in_use_is_one_sentence(rest: Rest):
    settings = HttpSettings(listen_port=rest.port, backend="unix:/nowhere")
    with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{rest.port}: Address already in use"):
        async with running_gateway(settings):
            pass
