"""Whose request it is: the token goes on to the daemon, and a stranger hears 401 before anything else."""

import pytest

from capyd.v1 import cluster_pb2
from tests.http.daemon import GOOD_TOKEN, FakeDaemon
from tests.http.rest import Rest


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {GOOD_TOKEN}"},
        {"Authorization": f"bearer {GOOD_TOKEN}"},
        {"Authorization": f"BEARER   {GOOD_TOKEN}"},
        {"X-API-Key": GOOD_TOKEN},
        {"x-api-key": GOOD_TOKEN},
        {"Authorization": f"Bearer {GOOD_TOKEN}", "X-API-Key": "another"},
    ],
)
async def test_the_token_goes_on_to_the_daemon(rest: Rest, daemon: FakeDaemon, headers):
    assert (await rest("GET", "/v1/me", token=None, headers=headers)).status == 200
    assert daemon.seen[-1].metadata["authorization"] == f"Bearer {GOOD_TOKEN}"


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "a token is needed: send Authorization: Bearer <token>, or X-API-Key: <token>"),
        ({"X-API-Key": ""}, "a token is needed"),
        ({"Authorization": ""}, "has no Bearer token"),
        ({"Authorization": "Bearer"}, "a token is needed"),
        ({"Authorization": "Bearer "}, "a token is needed"),
        ({"Authorization": GOOD_TOKEN}, "has no Bearer token"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, "has no Bearer token"),
        ({"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": GOOD_TOKEN}, "has no Bearer token"),
        ({"Authorization": "Bearer two words"}, "the token is not valid"),
        ({"X-API-Key": "schlüssel"}, "the token is not valid"),
        ({"Authorization": f"Bearer \xa0{GOOD_TOKEN}"}, "the token is not valid"),
        ({"X-API-Key": "tab\tbed"}, "the token is not valid"),
        ({"X-API-Key": "x" * 4097}, "the token is not valid"),
    ],
)
async def test_no_token_or_none_that_could_be_one_is_401(rest: Rest, daemon: FakeDaemon, headers, sentence):
    reply = await rest("GET", "/v1/me", token=None, headers=headers)
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
    assert sentence in reply.json["error"]
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert daemon.calls == []


async def test_the_longest_token_fits_through_grpc(rest: Rest, daemon: FakeDaemon):
    reply = await rest("GET", "/v1/me", token="x" * 4096, headers={"X-Request-Id": "i" * 128})
    assert (reply.status, reply.json["error"]) == (401, "the token is not known")


async def test_an_unknown_token_is_the_daemons_to_refuse(rest: Rest, daemon: FakeDaemon):
    reply = await rest("GET", "/v1/me", token="capy_live_bad")
    assert (reply.status, reply.json["error"]) == (401, "the token is not known")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert daemon.calls == ["GetMe"]


@pytest.mark.parametrize(
    "sent",
    [
        {"data": b"{"},
        {"json": {"unknown": 1}},
        {"data": b"x", "headers": {"Content-Type": "text/plain"}},
        {"data": b" " * (1024 * 1024 + 1)},
    ],
)
@pytest.mark.parametrize(("token", "calls"), [(None, []), ("capy_live_bad", ["GetMe"])])
async def test_a_stranger_with_a_bad_request_is_a_stranger_first(rest: Rest, daemon: FakeDaemon, sent, token, calls):
    reply = await rest("POST", "/v1/projects", token=token, **sent)
    assert reply.status == 401
    assert daemon.calls == calls


async def test_a_public_method_goes_without_a_token_and_sends_none_on(rest: Rest, daemon: FakeDaemon):
    daemon.answers["GetStatus"] = cluster_pb2.GetStatusResponse(service="capyd")
    for headers in ({}, {"Authorization": "Basic nonsense"}, {"X-API-Key": "schlüssel"}):
        reply = await rest("GET", "/status", token=None, headers=headers)
        assert (reply.status, reply.json["service"]) == (200, "capyd")
        assert "authorization" not in daemon.seen[-1].metadata


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/openapi.json"])
async def test_what_the_gateway_says_of_itself_needs_no_token(rest: Rest, path):
    assert (await rest("GET", path, token=None)).status != 401
