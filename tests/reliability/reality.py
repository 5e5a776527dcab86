"""Whether what there is, everywhere, is what should be: state, ledger, cluster, user map and pooler."""

import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import grpc

from capyd.pgbouncer.console import open_console
from capyd.pgbouncer.files import read_console_password
from tests.reliability.client import Client
from tests.reliability.host import Host
from tests.stack.polling import until


@dataclass(frozen=True)
class JobRow:
    """What the state says of a job."""

    type: str
    state: str
    attempts: int
    error: str | None


def read_jobs(host: Host, project_id: str) -> list[JobRow]:
    """The project's jobs in the order of their acceptance, whether it is deleted or not."""
    with closing(sqlite3.connect(f"file:{host.state}?mode=ro", uri=True)) as state:
        rows = state.execute(
            "SELECT type, state, attempts, error FROM jobs WHERE project_id = ? ORDER BY created_at, id", [project_id]
        )
        return [JobRow(*row) for row in rows]


async def until_settled(host: Host, client: Client, *, spares: int, unless: Callable[[], bool] = lambda: False) -> None:
    """Return when nothing differs from what should be, or when `unless` says that there is nobody to wait for.

    Raises:
        AssertionError: something goes on differing; it says what.
    """

    async def ask() -> list[str]:
        if unless():
            return []
        try:
            return await differences(host, client, spares=spares)
        except grpc.aio.AioRpcError as error:
            return [f"the daemon's answer: {error.code().name}"]

    await until(ask, lambda found: not found)


async def differences(host: Host, client: Client, *, spares: int) -> list[str]:
    """A line each: what is there and should not be, or the other way round."""
    projects = await client.list_projects()
    with host.connect() as ledger:
        tenants = {
            name: tuple(columns)
            for name, *columns in ledger.execute(
                "SELECT database_name, state, project_id, pooled, pool_size, specification ->> 'suspended' = 'true'"
                " FROM capyd.tenants"
            )
        }
        logins = {
            name: suspended
            for present, retiring, suspended in ledger.execute(
                "SELECT login_name, retiring_name, specification ->> 'suspended' = 'true' FROM capyd.tenants"
            )
            for name in (present, retiring)
            if name is not None
        }
        templates = {name for (name,) in ledger.execute("SELECT database_name FROM capyd.templates")}
        databases = {
            name for (name,) in ledger.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'capy\_%'")
        }
        finished = {name for (name,) in ledger.execute("SELECT datname FROM pg_database WHERE datistemplate")}
        roles = {name for (name,) in ledger.execute(r"SELECT rolname FROM pg_roles WHERE rolname LIKE 'capy\_%'")}
    states = Counter(state for state, *_ in tenants.values())
    claimed = {name: project_id for name, (state, project_id, *_) in tenants.items() if state == "claimed"}
    pools = {name: pool_size for name, (*_, pool_size, suspended) in tenants.items() if not suspended}
    ready = {it.database_name: it.id for it in projects if it.state in ("ready", "rotating_credentials")}
    found = [
        *_differ(
            "the projects' databases",
            ready,
            claimed,
        ),
        *_differ("the ledger's states", {"spare": spares} if spares else {}, states - Counter(claimed=len(claimed))),
        *_differ("the databases", set(tenants) | templates, databases),
        *_differ("the roles", set(logins) | {f"{name}_owner" for name in tenants}, roles),
        *_differ("the templates", {1}, {len(templates)}),
        *_differ("the finished templates", templates, finished & templates),
        *_differ("what the ledger calls pooled", set(tenants), {name for name, row in tenants.items() if row[2]}),
        *_differ("the pooler's entries", pools, await _pools(host)),
    ]
    if host.cluster.settings.ident_file is not None:
        mapped = re.findall(r"^capyd_pooler\s+\S+\s+(\S+)$", host.cluster.settings.ident_file.read_text(), re.MULTILINE)
        found += _differ("the user map", {it for it, suspended in logins.items() if not suspended}, set(mapped))
    return found


def _differ(what: str, wanted: object, there: object) -> list[str]:
    return [] if wanted == there else [f"{what}: {there} and not {wanted}"]


async def _pools(host: Host) -> dict[str, int | str]:
    """The running pooler's entries by name: the size of the pool, or that it lets nobody in."""
    password = read_console_password(host.pooler.console_password_file)
    async with open_console(host.pooler, password) as console:
        rows = await console.show("DATABASES")
    return {
        row["name"]: "shut" if row["paused"] or row["disabled"] else row["pool_size"]
        for row in rows
        if row["name"] != "pgbouncer"
    }
