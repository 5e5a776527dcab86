"""A state file of the oldest released schema is the newest one's after an upgrade, with everything in it."""

import sqlite3
from pathlib import Path

from capyd.domain.paging import PageRequest
from capyd.sqlite.api_keys import list_api_keys
from capyd.sqlite.database import Database
from capyd.sqlite.jobs import find_job
from capyd.sqlite.migrations import list_migrations
from capyd.sqlite.projects import find_project

_OLDEST = 1
_ROWS = """
INSERT INTO facts VALUES ('cluster_id', 'cls_old');
INSERT INTO organizations (id, name, slug, plan, created_at, updated_at)
  VALUES ('org_1', 'The first', 'the-first', 'vibe', 1, 2);
INSERT INTO projects (id, organization_id, name, slug, environment, state, always_on, latest_job_id, database_name,
    role_name, sealed_password, max_connections, statement_timeout, idle_transaction_timeout, storage_limit_bytes,
    created_at, updated_at)
  VALUES ('prj_1', 'org_1', 'Old', 'old', 'production', 'ready', 1, 'job_1', 'capy_1', 'capy_1', x'01', 15, 30000,
    60000, 5368709120, 3, 4);
INSERT INTO api_keys (id, organization_id, name, digest, key_prefix, scopes, source, created_at)
  VALUES ('key_1', 'org_1', 'first', zeroblob(32), 'capy_live_abc', '["*"]', 'cli', 5);
INSERT INTO jobs (id, type, state, project_id, organization_id, arguments, locked_resource, position, run_after,
    attempts, max_attempts, completed_at, created_at, updated_at, last_stdout)
  VALUES ('job_1', 'project.provision', 'completed', 'prj_1', 'org_1', '{}', 'project:prj_1', 1, 1, 1, 5, 7, 6, 7,
    'done');
INSERT INTO jobs (id, type, state, project_id, organization_id, arguments, locked_resource, position, run_after,
    max_attempts, created_at, updated_at)
  VALUES ('job_2', 'project.apply_settings', 'pending', 'prj_1', 'org_1', '{}', 'project:prj_1', 2, 1, 5, 8, 8);
"""


def _old_file(path: Path) -> None:
    """As the first capyd wrote it."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        for number, sql in list_migrations():
            if number <= _OLDEST:
                connection.executescript(f"BEGIN;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
        connection.executescript(_ROWS)
    connection.close()


async def test_everything_is_there_after_the_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "capyd.sqlite"
    _old_file(path)
    before = _contents(path, tables=("facts", "organizations", "projects", "api_keys", "jobs"))
    database = await Database.open(path)
    try:
        async with database.reading() as reads:
            project = await find_project(reads, "prj_1", organization_id="org_1")
            pending = await find_job(reads, "job_2", organization_id=None)
            keys = await list_api_keys(reads, PageRequest(size=10, after=None), organization_id="org_1")
    finally:
        await database.close()
    assert project is not None
    assert (project.slug, project.database_name, project.storage_limit_bytes) == ("old", "capy_1", 5368709120)
    assert pending is not None
    assert [key.id for key in keys.items] == ["key_1"]
    after = _contents(path, tables=tuple(before))
    for table, rows in before.items():
        # Columns may have come; what was there says what it said.
        for row in rows:
            assert any(row.items() <= newer.items() for newer in after[table]), (table, row)


async def test_the_upgraded_schema_is_that_of_a_new_file(tmp_path: Path) -> None:
    _old_file(tmp_path / "old")
    for name in ("old", "new"):
        await (await Database.open(tmp_path / name)).close()
    assert _schema(tmp_path / "old") == _schema(tmp_path / "new")


def _contents(path: Path, *, tables: tuple[str, ...]) -> dict[str, list[dict[str, object]]]:
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        found = {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in tables}  # noqa: S608
    connection.close()
    return found


def _schema(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return found
