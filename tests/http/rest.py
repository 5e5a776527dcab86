"""A client that keeps what HTTP said, and a raw one for what no client would send."""

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDictProxy
from yarl import URL

from tests.http.daemon import GOOD_TOKEN


@dataclass(frozen=True)
class Reply:
    """One answer, read whole."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Rest:
    """Sends requests to the gateway with a good token, unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self.port = port

    async def __call__(
        self,
        verb: str,
        path: str,
        *,
        data: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = GOOD_TOKEN,
    ) -> Reply:
        # aiohttp's client names a type for bytes of its own accord; here a test names it or nobody does.
        sent = {"Authorization": f"Bearer {token}"} if token is not None else {}
        if json is not None:
            data, sent["Content-Type"] = orjson.dumps(json), "application/json"
        sent.update(headers or {})
        if isinstance(data, bytes) and len(data) > 2**20:
            data = io.BytesIO(data)  # the client warns of larger bytes
        async with self._session.request(
            verb,
            _encoded(f"http://127.0.0.1:{self.port}{path}"),
            data=data,
            headers=sent,
            allow_redirects=False,
            skip_auto_headers=["Content-Type"],
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def raw(self, sent: bytes) -> bytes:
        """Everything the gateway says to these bytes until it hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(sent)
            return await asyncio.wait_for(reader.read(), 15)
        finally:
            writer.close()


def _encoded(url: str) -> URL:
    """The URL as it is written, without the client's own idea of percent-encoding."""
    return URL(url, encoded=True)
