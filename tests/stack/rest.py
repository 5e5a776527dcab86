"""A client of the REST face over real HTTP, and what tests expect of every answer."""

import io
import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

SHOWN: set[str] = set()
"""Every token that any client of this run has shown."""


@dataclass(frozen=True)
class Reply:
    """One answer, read whole."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return jsonlib.loads(self.body)


class Rest:
    """Speaks to one gateway with one token."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self.token = token
        SHOWN.add(token)

    def with_token(self, token: str) -> "Rest":
        """The same gateway, another caller."""
        return Rest(self._session, self._url, token)

    async def send(
        self,
        verb: str,
        path: str,
        json: object = None,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request with the token, unless `headers` say otherwise; `json` None and `data` None: no body."""
        sent = {"Authorization": f"Bearer {self.token}"} if headers is None else dict(headers)
        if json is not None:
            data = jsonlib.dumps(json).encode()
            sent["Content-Type"] = "application/json"
        async with self._session.request(
            verb,
            # As it is written: a test's percent-encoding is not the client's to correct.
            URL(f"{self._url}{path}", encoded=True),
            data=None if data is None else io.BytesIO(data),
            headers=sent,
            allow_redirects=False,
            skip_auto_headers=["Content-Type"],
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def expect(self, status: int, verb: str, path: str, json: object = None) -> Any:
        """The JSON of an answer that must have this status."""
        reply = await self.send(verb, path, json)
        assert reply.status == status, (verb, path, reply.status, reply.body)
        assert reply.headers["Content-Type"] == "application/json"
        return reply.json

    async def refused(self, status: int, verb: str, path: str, json: object = None) -> dict[str, Any]:
        """The JSON of a refusal that must have this status, and the form of every refusal."""
        return check_refusal(await self.send(verb, path, json), status)


def check_refusal(reply: Reply, status: int) -> dict[str, Any]:
    """The refusal's JSON: one sentence, a code for programs, the request's id, and nothing of our inside."""
    assert reply.status == status, (reply.status, reply.body)
    assert reply.headers["Content-Type"] == "application/json"
    body = reply.json
    assert isinstance(body, dict)
    assert set(body) <= {"error", "code", "field", "request_id"}
    assert len(body["error"].split()) >= 3, body  # a sentence, not a word
    assert len(body["error"]) < 600, body
    assert not any(inside in body["error"] for inside in ("Traceback", "Error(", "\n", ".py")), body
    assert body["code"].replace("_", "").isalpha(), body
    assert body["request_id"] == reply.headers["X-Request-Id"]
    return body
