"""A tenant reaches its own database and nothing else, and keeps the limits it was given."""

import re

import psycopg
import pytest

from tests.stack import projects
from tests.stack.rest import Rest
from tests.stack.running import RunningStack
from tests.stack.tenant import ask, refusal, session

# The pooler refuses a foreign pair by itself: such a login never costs the server a connection.
SHUT = {"direct": r"permission denied for database", "pooled": r"login rejected|no authentication method is found"}


@pytest.mark.parametrize("way", ["direct", "pooled"])
@pytest.mark.parametrize("database", ["postgres", "template1", "template0", "capyd", "pgbouncer"])
async def test_the_clusters_own_databases_are_shut(rest: Rest, project: projects.Json, way: str, database: str) -> None:
    urls = await projects.urls(rest, project["id"])
    await refusal(getattr(urls, way), dbname=database)


@pytest.mark.parametrize("way", ["direct", "pooled"])
async def test_other_tenants_databases_are_shut(
    stack: RunningStack, rest: Rest, project: projects.Json, foreign: projects.Json, way: str
) -> None:
    url = getattr(await projects.urls(rest, project["id"]), way)
    assert re.search(SHUT[way], await refusal(url, dbname=foreign["database_name"]))
    await refusal(url, user=foreign["role_name"])
    spare, *_ = await stack.spares()
    assert re.search(SHUT[way], await refusal(url, dbname=spare))
    await refusal(url, user=spare, dbname=spare)
    # The refusals have harmed nobody.
    assert await ask(url, "SELECT current_database()") == project["database_name"]


@pytest.mark.parametrize("way", ["direct", "pooled"])
async def test_the_administrator_is_not_reached_by_password(rest: Rest, project: projects.Json, way: str) -> None:
    urls = await projects.urls(rest, project["id"])
    for role in ("capyd", "postgres", "capyd_console", f"{project['role_name']}_owner"):
        await refusal(getattr(urls, way), user=role)
        await refusal(getattr(urls, way), user=role, dbname="postgres")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER DATABASE {own} CONNECTION LIMIT -1",
        "ALTER DATABASE {own} RENAME TO mine",
        "ALTER DATABASE {own} SET work_mem = '1GB'",
        "DROP DATABASE {foreign}",
        "ALTER ROLE {own} CONNECTION LIMIT -1",
        "ALTER ROLE {own} CREATEDB",
        "ALTER ROLE {own} SUPERUSER",
        "ALTER ROLE {own}_owner LOGIN",
        "ALTER ROLE {foreign} PASSWORD 'x'",
        "CREATE ROLE another",
        "CREATE DATABASE another",
        "SET ROLE capyd",
        "SET SESSION AUTHORIZATION {foreign}",
        "GRANT {foreign} TO {own}",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE EXTENSION pg_stat_statements",
        "ALTER SYSTEM SET log_statement = 'all'",
        "SET temp_file_limit = -1",
    ],
)
async def test_refused_inside(rest: Rest, project: projects.Json, foreign: projects.Json, statement: str) -> None:
    url = (await projects.urls(rest, project["id"])).direct
    names = {"own": project["database_name"], "foreign": foreign["database_name"]}
    async with session(url) as tenant:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await tenant.execute(statement.format(**names))
