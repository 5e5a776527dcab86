"""Shows what a stack does, as any client would see it: `demo.py READY_FILE` (see `capyd dev --ready-file`)."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import psycopg

_JOB_SECONDS = 60
# Any of these will do: one that a new project does not have yet.
_WISHES = ("postgis", "hstore", "citext", "ltree")


class DemoError(Exception):
    """Something did not work; a sentence."""


class Api:
    """The REST face, as its documentation describes it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request, told about; returns the JSON of a successful answer."""
        started = time.perf_counter()
        async with self._session.request(method, path, json=body) as response:
            answer = await response.json()
        spent = (time.perf_counter() - started) * 1000
        print(f"  {method} {path} {json.dumps(body) if body else ''} → {response.status} ({spent:.0f} ms)")
        if response.status >= 400:
            raise DemoError(f"{method} {path} was refused: {answer.get('error', answer)}")
        return dict(answer)

    async def finish(self, job: dict[str, Any]) -> None:
        """Wait for a job, showing its states."""
        started = time.perf_counter()
        seen = None
        while time.perf_counter() - started < _JOB_SECONDS:
            async with self._session.get(f"/v1/jobs/{job['id']}") as response:
                job = (await response.json())["job"]
            if job["state"] != seen:
                seen = job["state"]
                print(f"    {job['type']}: {seen} after {(time.perf_counter() - started) * 1000:.0f} ms")
            if seen == "completed":
                return
            if seen == "failed":
                raise DemoError(f"the job {job['type']} failed: {job.get('error')}")
            await asyncio.sleep(0.02)
        raise DemoError(f"the job {job['type']} is still {seen} after {_JOB_SECONDS} s")


async def query(name: str, url: str) -> None:
    """Log in as the project and ask the server what it is."""
    # Behind a transaction pooler a client does not name its prepared statements.
    async with await psycopg.AsyncConnection.connect(url, prepare_threshold=None, connect_timeout=10) as connection:
        cursor = await connection.execute("SELECT current_user, current_database(), version()")
        row = await cursor.fetchone()
    assert row is not None
    print(f"  {name}: {row[0]} in {row[1]}, {row[2].split(' (')[0].split(' on ')[0]}")


async def show(ready: dict[str, Any]) -> None:
    """The whole demonstration."""
    headers = {"Authorization": f"Bearer {ready['api_key']}"}
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(ready["http_url"], headers=headers, timeout=timeout) as session:
        api = Api(session)

        print("\nCreate a project")
        created = await api.call("POST", "/v1/projects", {"name": "Demo"})
        project = f"/v1/projects/{created['project']['id']}"
        await api.finish(created["job"])

        print("\nConnect to it")
        connections = (await api.call("GET", f"{project}/connections"))["connections"]
        await query("direct", connections["direct_url"])
        await query("pooled", connections["pooled_url"])

        print("\nEnable an extension")
        offered = (await api.call("GET", f"{project}/extensions"))["extensions"]
        name = choose_extension(offered)
        await api.finish((await api.call("POST", f"{project}/extensions", {"name": name}))["job"])
        listed = (await api.call("GET", f"{project}/extensions"))["extensions"]
        enabled = [extension["name"] for extension in listed if extension["enabled"]]
        print(f"  enabled now: {', '.join(enabled)}")
        if name not in enabled:
            raise DemoError(f"{name} was enabled and is not listed as enabled")

        print("\nDelete the project")
        await api.finish((await api.call("DELETE", project))["job"])


def choose_extension(offered: list[dict[str, Any]]) -> str:
    """An extension that this cluster has and the project has not."""
    available = [extension["name"] for extension in offered if not extension["enabled"]]
    if not available:
        raise DemoError("this cluster has no extension that the project does not have already")
    return next((name for name in _WISHES if name in available), available[0])


def main() -> None:
    """Exit 0 when everything worked; else 1, with a sentence."""
    ready = json.loads(Path(sys.argv[1]).read_text())
    try:
        asyncio.run(show(ready))
    except (DemoError, aiohttp.ClientError, psycopg.Error, TimeoutError) as error:
        sys.exit(f"demo: {error}")
    print("\nThat was it: everything worked.")


if __name__ == "__main__":
    main()
