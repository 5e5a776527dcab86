"""What is not even HTTP is answered in the same form; what is odd but HTTP is answered as usual."""

import asyncio

import orjson
import pytest

from tests.http.daemon import GOOD_TOKEN, FakeDaemon
from tests.http.rest import Rest

POST = b"POST /v1/projects HTTP/1.1\r\nHost: a\r\nX-API-Key: " + GOOD_TOKEN.encode() + b"\r\n"


def parts(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Bad: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX Bad: b\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Many: a\r\n" * 1000 + b"\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_malformed_http_is_400_in_json(rest: Rest, daemon: FakeDaemon, sent):
    status, headers, body = parts(await rest.raw(sent))
    assert status == 400
    assert headers["Content-Type"] == "application/json"
    assert headers["Server"] == "capyd"
    assert headers["X-Request-Id"] == orjson.loads(body)["request_id"]
    assert orjson.loads(body)["code"] == "malformed_http"
    assert daemon.calls == []


async def test_chunks_that_go_wrong_later_end_with_the_deadline(rest: Rest, daemon: FakeDaemon):
    reader, writer = await asyncio.open_connection("127.0.0.1", rest.port)
    writer.write(POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{ \r\n")
    await writer.drain()
    # By the answer to another request, what was sent before it has been read.
    assert (await rest("GET", "/healthz")).status == 200
    writer.write(b"not a size\r\n")
    status, _, body = parts(await asyncio.wait_for(reader.read(), 15))
    writer.close()
    # aiohttp's parser in C tells the body's reader nothing; the one in Python does, at once.
    assert (status, orjson.loads(body)["code"]) in {(408, "request_timeout"), (400, "malformed_http")}


async def test_a_body_that_never_comes_is_408(rest: Rest, daemon: FakeDaemon):
    status, _, body = parts(await rest.raw(POST + b"Connection: close\r\nContent-Length: 5\r\n\r\n{"))
    assert (status, orjson.loads(body)["code"]) == (408, "request_timeout")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (b"GET http://elsewhere/healthz?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"GET /%ED%A0%80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    ],
)
async def test_odd_http_is_answered_as_usual(rest: Rest, sent, status):
    answered, headers, body = parts(await rest.raw(sent))
    assert answered == status
    assert headers["Content-Type"] == "application/json"
    assert orjson.loads(body)


async def test_a_client_that_waits_for_100_continue_gets_it(rest: Rest, daemon: FakeDaemon):
    reader, writer = await asyncio.open_connection("127.0.0.1", rest.port)
    writer.write(POST + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 15) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    status, _, body = parts(await asyncio.wait_for(reader.read(), 15))
    writer.close()
    assert (status, orjson.loads(body)["error"]) == (400, "name is required")


async def test_a_body_announced_as_too_large_is_not_waited_for(rest: Rest, daemon: FakeDaemon):
    sent = POST + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", rest.port)
    writer.write(sent)
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), 15)).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_requests_on_one_connection_are_answered_in_order(rest: Rest):
    one = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: one\r\n\r\n"
    two = b"GET /nowhere HTTP/1.1\r\nHost: a\r\nX-Request-Id: two\r\nConnection: close\r\n\r\n"
    answer = await rest.raw(one + two)
    assert answer.index(b"X-Request-Id: one") < answer.index(b"X-Request-Id: two")
