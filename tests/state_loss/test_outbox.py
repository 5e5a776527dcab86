"""The outbox: every change is in it, whichever statement made it."""

from datetime import timedelta
from pathlib import Path

from capyd.domain.projects import ProjectState
from capyd.sqlite.api_keys import touch_api_keys
from capyd.sqlite.database import Database
from capyd.sqlite.outbox import delete_carried, enqueue_everything, read_outbox, start_revisions_after
from capyd.sqlite.projects import update_project_state
from tests.state import START, add_organization, add_project, open_state


async def _newest(database: Database) -> int | None:
    async with database.reading() as reads:
        found = await read_outbox(reads, limit=100)
    return None if found is None else found[1]


async def test_a_change_comes_with_a_new_revision(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        await add_project(database)
        async with database.reading() as reads:
            found = await read_outbox(reads, limit=100)
        assert found is not None
        records, newest = found
        assert ([it.revision for it in records.organizations], [it.revision for it in records.projects]) == ([1], [2])
        async with database.transaction() as tx:
            await delete_carried(tx, up_to=newest)
        assert await _newest(database) is None
        async with database.transaction() as tx:
            await update_project_state(tx, "prj_1", ProjectState.DELETED, now=START + timedelta(hours=1))
        async with database.reading() as reads:
            found = await read_outbox(reads, limit=100)
        assert found is not None
        (tombstone,) = found[0].projects
        assert (tombstone.revision, tombstone.project.state) == (3, ProjectState.DELETED)


async def test_a_revision_is_never_given_again(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        async with database.transaction() as tx:
            await start_revisions_after(tx, 41)
        await add_organization(database)
        assert await _newest(database) == 42
        async with database.transaction() as tx:
            await delete_carried(tx, up_to=42)
            await start_revisions_after(tx, 10)
            await enqueue_everything(tx)
        assert await _newest(database) == 43


async def test_the_use_of_a_key_is_no_change(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        async with database.transaction() as tx:
            await tx.execute(
                """
                INSERT INTO api_keys (id, organization_id, name, digest, key_prefix, scopes, source, created_at)
                VALUES ('key_1', 'org_1', 'k', randomblob(32), 'capy_live_', '[]', 'api', 0)
                """
            )
        before = await _newest(database)
        async with database.transaction() as tx:
            await touch_api_keys(tx, {"key_1": START})
        assert await _newest(database) == before
