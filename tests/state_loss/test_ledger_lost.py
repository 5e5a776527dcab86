"""The ledger is lost, and written anew from the state file and the catalog."""

from psycopg import sql

from tests.reliability.host import Host
from tests.state_loss.installation import create_projects, log_in, run, until_carried, until_completed

PROJECTS = 20


def _databases(host: Host) -> set[tuple[str, int]]:
    with host.connect("postgres") as connection:
        rows = connection.execute(r"SELECT datname, oid FROM pg_database WHERE datname LIKE 'capy\_%'").fetchall()
    return {(name, oid) for name, oid in rows}


def _drop_ledger(host: Host) -> None:
    with host.connect("postgres") as connection:
        connection.execute("DROP DATABASE capyd WITH (FORCE)")


def _claimed(host: Host) -> int:
    with host.connect() as connection:
        row = connection.execute("SELECT count(*) FROM capyd.tenants WHERE state = 'claimed'").fetchone()
    assert row is not None
    return int(row[0])


async def test_nothing_is_dropped_and_it_is_written_anew(host: Host) -> None:
    async with host.daemon(spares=2) as daemon:
        await create_projects(daemon.client, PROJECTS)
        urls = [await daemon.client.urls(project.id) for project in await daemon.client.list_projects()]
        await until_carried(host)
        assert daemon.stop() == 0
    before = _databases(host)
    _drop_ledger(host)
    async with host.daemon(spares=2) as daemon:
        assert "ledger.written_anew" in daemon.said
        assert before <= _databases(host)
        assert _claimed(host) == PROJECTS
        for direct, pooled in urls:
            assert await log_in(direct) == await log_in(pooled)
        await until_carried(host)
        # Good enough to delete by, and to rebuild the state from.
        gone, *_ = await daemon.client.list_projects()
        await until_completed(daemon.client, (await daemon.client.delete(gone.id, request_id="delete")).job_id)
        await until_carried(host)
        daemon.kill()
    made = run(host, "rebuild-state", "--json")
    assert made.json["projects"] == PROJECTS - 1


async def test_it_is_lost_under_a_running_daemon(host: Host) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 2)
        await until_carried(host)
        _drop_ledger(host)
        made = await daemon.client.create("after the loss")
        await until_completed(daemon.client, made.job_id)
        assert await log_in((await daemon.client.urls(made.project_id))[0])
        assert _claimed(host) == 3


async def test_a_ledger_that_takes_a_project_for_an_unfinished_build_is_put_right_first(host: Host) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        (project,) = await daemon.client.list_projects()
        direct, _ = await daemon.client.urls(project.id)
        await until_carried(host)
        assert daemon.stop() == 0
    with host.connect() as ledger:  # as a dump from before the claim would have it
        ledger.execute(
            sql.SQL(
                """
                UPDATE capyd.tenants SET state = 'building', project_id = NULL, organization_id = NULL,
                    specification = NULL, claimed_at = NULL, database_oid = NULL
                """
            )
        )
        ledger.execute("UPDATE capyd.head SET revision = 1, mark = 'older'")
    async with host.daemon() as daemon:
        assert await log_in(direct)
        assert _claimed(host) == 1
