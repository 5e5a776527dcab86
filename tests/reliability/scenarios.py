"""What a client asks for, job type by job type, and what there must be when it has come true."""

import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from capyd.domain.jobs import (
    APPLY_SETTINGS,
    DELETE,
    EXPIRE_CREDENTIAL,
    EXTENSION_DISABLE,
    EXTENSION_ENABLE,
    EXTENSION_UPDATE,
    PROVISION,
    ROTATE_CREDENTIALS,
)
from tests.reliability.client import Accepted, Client
from tests.reliability.host import Host
from tests.stack.polling import until
from tests.stack.tenant import ask, parts, refusal, session, value

_EXTENSION = "hstore"
_OLD_VERSION, _NEW_VERSION = "1.4", "1.8"
_CONNECTIONS = 7


@dataclass(frozen=True)
class Prepared:
    """The project that the scenario is about, and its URLs; empty when the scenario makes it."""

    project_id: str = ""
    urls: tuple[str, str] = ("", "")
    state: Path = Path()
    """The state file, where the scenario moves time on in it."""

    @property
    def database(self) -> str:
        return str(parts(self.urls[0])["dbname"])


def login(project: Prepared) -> str:
    """Whom the URLs log in as."""
    return str(parts(project.urls[0])["user"])


@dataclass(frozen=True)
class Scenario:
    """One job type, once."""

    name: str
    job_type: str
    prepare: Callable[[Host, Client, str], Awaitable[Prepared]]
    act: Callable[[Client, Prepared, str], Awaitable[Accepted]]
    """Ask for it, under this request id."""
    check: Callable[[Host, Client, Prepared], Awaitable[None]]
    spares: int = 0
    """How many the daemon keeps."""
    earlier_jobs: int = 0
    """How many of the same type the preparation took."""


async def complete(client: Client, accepted: Accepted) -> Accepted:
    """Return when the job is completed."""

    async def state() -> str:
        return (await client.get_job(accepted.job_id)).state

    assert await until(state, lambda it: it in ("completed", "failed")) == "completed"
    return accepted


async def prepared(client: Client, project_id: str) -> Prepared:
    """The project as it is now."""
    return Prepared(project_id, await client.urls(project_id))


async def _nothing(_host: Host, _client: Client, _request_id: str) -> Prepared:
    return Prepared()


async def _project(_host: Host, client: Client, request_id: str) -> Prepared:
    accepted = await complete(client, await client.create(f"{request_id} project"))
    return await prepared(client, accepted.project_id)


async def _open_project(host: Host, client: Client, request_id: str) -> Prepared:
    await client.release(request_id=f"{request_id} release")
    return await _project(host, client, request_id)


async def _shut_project(host: Host, client: Client, request_id: str) -> Prepared:
    project = await _open_project(host, client, request_id)
    await client.suspend(request_id=f"{request_id} suspend")
    await complete(client, await client.latest(project.project_id))
    return project


async def _suspend(client: Client, project: Prepared, request_id: str) -> Accepted:
    await client.suspend(request_id=request_id)
    return await client.latest(project.project_id)


async def _release(client: Client, project: Prepared, request_id: str) -> Accepted:
    await client.release(request_id=request_id)
    return await client.latest(project.project_id)


async def _project_with_extension(host: Host, client: Client, request_id: str) -> Prepared:
    project = await _project(host, client, request_id)
    await complete(client, await client.enable(project.project_id, _EXTENSION, request_id=f"{request_id} extension"))
    return project


async def _project_with_old_extension(host: Host, client: Client, request_id: str) -> Prepared:
    project = await _project(host, client, request_id)
    with host.connect(project.database) as connection:
        connection.execute(f"CREATE EXTENSION {_EXTENSION} SCHEMA public VERSION '{_OLD_VERSION}'")
    return project


async def _is_usable(_host: Host, _client: Client, project: Prepared) -> None:
    for number, url in enumerate(project.urls):
        async with session(url) as tenant:
            assert await value(tenant, "SELECT current_database()") == project.database
            await tenant.execute(f"CREATE TABLE made_{number} ()")


async def _is_shut(host: Host, client: Client, project: Prepared) -> None:
    direct, pooled = project.urls
    assert "not permitted to log in" in await refusal(direct)
    assert "login rejected" in await refusal(pooled)
    with host.connect() as connection:
        (sessions,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [project.database]
        ).fetchone() or (None,)
    assert sessions == 0
    (kept,) = [it for it in await client.list_projects() if it.id == project.project_id]
    assert kept.state == "ready"


async def _is_gone(_host: Host, client: Client, project: Prepared) -> None:
    direct, pooled = project.urls
    assert "password authentication failed" in await refusal(direct)
    # By the pooler itself, so that it knows nothing of it any more: the server's words would be others.
    assert "login rejected" in await refusal(pooled)
    assert project.project_id not in {it.id for it in await client.list_projects()}


def _has_extension(version: str | None) -> Callable[[Host, Client, Prepared], Awaitable[None]]:
    async def check(host: Host, client: Client, project: Prepared) -> None:
        with host.connect(project.database) as connection:
            found = connection.execute(
                "SELECT extversion FROM pg_extension WHERE extname = %s", [_EXTENSION]
            ).fetchone()
        assert found == (None if version is None else (version,))
        await _is_usable(host, client, project)

    return check


async def _has_limits(host: Host, client: Client, project: Prepared) -> None:
    with host.connect() as connection:
        limits = connection.execute(
            """
            SELECT rolconnlimit, datconnlimit, pool_size, 'statement_timeout=7000' = ANY (rolconfig)
            FROM pg_roles JOIN pg_database ON datname = rolname JOIN capyd.tenants ON database_name = rolname
            WHERE rolname = %s
            """,
            [project.database],
        ).fetchone()
    assert limits == (_CONNECTIONS, _CONNECTIONS, _CONNECTIONS * 2 // 3, True)
    assert await ask(project.urls[1], "SHOW statement_timeout") == "7s"
    await _is_usable(host, client, project)


async def _has_another_password(host: Host, client: Client, project: Prepared) -> None:
    now = await prepared(client, project.project_id)
    assert login(now) == login(project)
    await _is_refused(project)
    await _is_usable(host, client, now)


async def _has_another_login_too(host: Host, client: Client, project: Prepared) -> None:
    now = await prepared(client, project.project_id)
    assert login(now) != login(project)
    for url in (*now.urls, *project.urls):
        assert await ask(url, "SELECT current_user") == f"{project.database}_owner"
    await _is_usable(host, client, now)


async def _has_another_login_alone(host: Host, client: Client, project: Prepared) -> None:
    now = await prepared(client, project.project_id)
    assert login(now) != login(project)
    await _is_refused(project)
    await _is_usable(host, client, now)
    async with session(now.urls[0]) as tenant:
        assert await value(tenant, "SELECT tableowner FROM pg_tables WHERE tablename = 'stray'") == (
            f"{project.database}_owner"
        )


async def _is_refused(project: Prepared) -> None:
    for url in project.urls:
        # By the server; by the pooler, which knows the login still; and which does not know it any more.
        assert re.search("password authentication failed|SASL authentication failed|login rejected", await refusal(url))


async def _project_in_grace(host: Host, client: Client, request_id: str) -> Prepared:
    """The login that retires has made something as itself."""
    project = await _project(host, client, request_id)
    await complete(client, await client.rotate(project.project_id, grace_hours=1, request_id=f"{request_id} grace"))
    async with session(project.urls[0]) as tenant:
        await tenant.execute("SET ROLE NONE")
        await tenant.execute("CREATE SCHEMA AUTHORIZATION CURRENT_USER")
        await tenant.execute("CREATE TABLE stray ()")
    return replace(project, state=host.state)


async def _let_grace_end(client: Client, project: Prepared, request_id: str) -> Accepted:
    """Its hour has come; the daemon looks when it is given something else to do, which runs behind it."""
    with closing(sqlite3.connect(project.state, timeout=20)) as state, state:
        state.execute("UPDATE jobs SET run_after = 0 WHERE type = ? AND state = 'pending'", [EXPIRE_CREDENTIAL])
    return await client.set_limits(project.project_id, max_connections=_CONNECTIONS, request_id=request_id)


SCENARIOS = (
    Scenario("provision_a_spare", PROVISION, _nothing, lambda client, _, key: client.create(key), _is_usable, spares=1),
    Scenario("provision_without_spares", PROVISION, _nothing, lambda client, _, key: client.create(key), _is_usable),
    Scenario(
        "delete", DELETE, _project, lambda client, it, key: client.delete(it.project_id, request_id=key), _is_gone
    ),
    Scenario(
        "extension_enable",
        EXTENSION_ENABLE,
        _project,
        lambda client, it, key: client.enable(it.project_id, _EXTENSION, request_id=key),
        _has_extension(_NEW_VERSION),
    ),
    Scenario(
        "extension_disable",
        EXTENSION_DISABLE,
        _project_with_extension,
        lambda client, it, key: client.disable(it.project_id, _EXTENSION, request_id=key),
        _has_extension(None),
    ),
    Scenario(
        "extension_update",
        EXTENSION_UPDATE,
        _project_with_old_extension,
        lambda client, it, key: client.update(it.project_id, _EXTENSION, request_id=key),
        _has_extension(_NEW_VERSION),
    ),
    Scenario(
        "apply_settings",
        APPLY_SETTINGS,
        _project,
        lambda client, it, key: client.set_limits(it.project_id, max_connections=_CONNECTIONS, request_id=key),
        _has_limits,
    ),
    Scenario(
        "rotate",
        ROTATE_CREDENTIALS,
        _project,
        lambda client, it, key: client.rotate(it.project_id, request_id=key),
        _has_another_password,
    ),
    Scenario(
        "rotate_with_grace",
        ROTATE_CREDENTIALS,
        _project,
        lambda client, it, key: client.rotate(it.project_id, grace_hours=720, request_id=key),
        _has_another_login_too,
    ),
    Scenario("expire", EXPIRE_CREDENTIAL, _project_in_grace, _let_grace_end, _has_another_login_alone),
    Scenario(
        "rotate_leaked",
        ROTATE_CREDENTIALS,
        _project_in_grace,
        lambda client, it, key: client.rotate(it.project_id, leaked=True, request_id=key),
        _has_another_login_alone,
        earlier_jobs=1,
    ),
    Scenario("suspend", APPLY_SETTINGS, _open_project, _suspend, _is_shut),
    Scenario("release", APPLY_SETTINGS, _shut_project, _release, _is_usable, earlier_jobs=1),
)
