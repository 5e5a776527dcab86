"""Whoever knocks too often is told when to come again, over REST and gRPC."""

import math
from collections.abc import AsyncIterator, Callable

import aiohttp
import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from capyd.client.channel import open_channel
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from capyd_http.config import HttpSettings
from capyd_http.server import running_gateway
from tests.door.conftest import Door

PROXY = "127.0.0.1/32"


class Clients:
    """A gateway in front of the daemon, whose clients have the addresses that a proxy names."""

    def __init__(self, door: Door, session: aiohttp.ClientSession, port: int) -> None:
        self.door = door
        self._session = session
        self._port = port

    async def get(self, path: str, token: str | None = None, *, address: str) -> aiohttp.ClientResponse:
        headers = {"X-Forwarded-For": address} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        async with self._session.get(f"http://127.0.0.1:{self._port}{path}", headers=headers) as response:
            await response.read()
            return response

    async def key(self) -> str:
        async with self.door.administrator() as channel:
            stub = organizations_pb2_grpc.OrganizationServiceStub(channel)
            request = organizations_pb2.CreateApiKeyRequest(organization_id="org_1", name="k", scopes=["*"])
            return (await stub.CreateApiKey(request)).plaintext_api_key


@pytest.fixture(scope="module")
async def clients(make_door: Callable[[], Door]) -> AsyncIterator[Clients]:
    door = make_door()
    await door.start(
        """
        [door]
        principal_per_minute = 1
        principal_burst = 10
        address_per_minute = 1
        address_burst = 30
        failed_tokens_per_minute = 1
        failed_tokens_burst = 5
        """
    )
    await door.create_organization("org_1")
    settings = HttpSettings(listen_port=0, backend=door.api_target, trusted_proxies=[PROXY])
    async with running_gateway(settings) as port, aiohttp.ClientSession() as session:
        yield Clients(door, session, port)


async def test_a_token_is_held_to_its_rate_wherever_it_is_shown(clients: Clients) -> None:
    token, other = await clients.key(), await clients.key()
    answers = [await clients.get("/v1/me", token, address=f"192.0.2.{number}") for number in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    body = await answers[-1].json()
    assert (body["code"], "with this token" in body["error"]) == ("too_many_requests", True)
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert (await clients.get("/v1/me", other, address="192.0.2.1")).status == 200


async def test_an_address_is_held_to_its_rate_known_or_not_and_an_ipv6_network_is_one(clients: Clients) -> None:
    answers = [await clients.get("/status", address=f"2001:db8::{number:x}") for number in range(31)]
    assert [answer.status for answer in answers] == [200] * 30 + [429]
    assert (await clients.get("/v1/me", await clients.key(), address="2001:db8::1")).status == 429
    assert (await clients.get("/status", address="2001:db8:0:1::1")).status == 200


async def test_who_guesses_tokens_is_not_even_looked_at_and_good_tokens_from_there_go_on(clients: Clients) -> None:
    known, unknown = await clients.key(), await clients.key()
    address = "198.51.100.1"
    assert (await clients.get("/v1/me", known, address=address)).status == 200
    guesses = ["capy_live_guess", "a.b.c", "x", "capy_live_" + "0" * 38, "y"]
    assert [(await clients.get("/v1/me", guess, address=address)).status for guess in guesses] == [401] * 5
    refused = await clients.get("/v1/me", "z", address=address)
    assert (refused.status, (await refused.json())["error"].startswith("there are too many bad tokens")) == (429, True)
    assert (await clients.get("/v1/me", unknown, address=address)).status == 429
    assert (await clients.get("/v1/me", known, address=address)).status == 200
    assert (await clients.get("/v1/me", unknown, address="198.51.100.2")).status == 200


async def test_grpc_says_when_to_come_again(clients: Clients) -> None:
    token = await clients.key()
    async with open_channel(clients.door.api_target, token=token) as channel:
        stub = organizations_pb2_grpc.OrganizationServiceStub(channel)
        for _ in range(10):
            await stub.GetMe(organizations_pb2.GetMeRequest())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetMe(organizations_pb2.GetMeRequest())
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    details = {any_.TypeName(): any_ for any_ in rpc_status.from_call(refused.value).details}
    retry = error_details_pb2.RetryInfo.FromString(details["google.rpc.RetryInfo"].value)
    assert 1 <= math.ceil(retry.retry_delay.seconds) <= 60
    info = error_details_pb2.ErrorInfo.FromString(details["google.rpc.ErrorInfo"].value)
    assert info.reason == "too_many_requests"


async def test_the_operator_is_not_held_to_it(clients: Clients) -> None:
    async with clients.door.administrator() as channel:
        stub = organizations_pb2_grpc.OrganizationServiceStub(channel)
        for _ in range(40):
            await stub.GetMe(organizations_pb2.GetMeRequest())
