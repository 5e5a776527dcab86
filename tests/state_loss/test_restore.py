"""The state file from a backup: what is newer in the ledger wins, and what was deleted stays so."""

import shutil
import sqlite3
from pathlib import Path

import grpc
import pytest

from tests.reliability.host import Host
from tests.state_loss.installation import (
    create_key,
    create_projects,
    log_in,
    lose,
    revoke_key,
    run,
    stream,
    until_carried,
    until_completed,
    who_is,
)


async def test_the_newer_of_backup_and_ledger_wins(host: Host) -> None:
    async with host.daemon() as daemon:
        client = daemon.client
        kept, changed, deleted = await create_projects(client, 3)
        revoked_id, revoked = await create_key(host, "revoked after the backup")
        await until_carried(host)
        backup = run(host, "backup-state", "--json")
        assert backup.status == 0, backup.said

        await until_completed(client, (await client.delete(deleted.project_id, request_id="delete")).job_id)
        limits = await client.set_limits(changed.project_id, max_connections=3, request_id="limits")
        await until_completed(client, limits.job_id)
        made = await client.create("after the backup")
        await until_completed(client, made.job_id)
        _, token = await create_key(host, "made after the backup")
        await revoke_key(host, revoked_id)
        urls = {it.id: await client.urls(it.id) for it in await client.list_projects()}
        await until_carried(host)
        daemon.kill()
    before = stream(host)
    lose(host)

    restored = run(host, "restore-state", "--json")
    assert restored.status == 0, restored.said
    assert restored.json["projects"] == 3
    assert stream(host) != before
    async with host.daemon() as daemon:
        client = daemon.client
        projects = {it.id: it for it in await client.list_projects()}
        assert set(projects) == {kept.project_id, changed.project_id, made.project_id}
        assert projects[changed.project_id].max_connections == 3
        assert {it: await client.urls(it) for it in projects} == urls
        for direct, pooled in urls.values():
            assert await log_in(direct) == await log_in(pooled)
        assert (await who_is(host, token)).organization_id
        with pytest.raises(grpc.aio.AioRpcError, match="revoked"):
            await who_is(host, revoked)
        # Unlike after a rebuilding, the jobs of before the backup are still there.
        assert (await client.get_job(kept.job_id)).state == "completed"
        await until_carried(host)
        assert "behind" not in daemon.said


async def test_an_open_job_of_the_backup_is_not_done_twice(host: Host) -> None:
    async with host.daemon() as daemon:
        (created,) = await create_projects(daemon.client, 1)
        enabled = await daemon.client.enable(created.project_id, "citext", request_id="enable")
        await until_completed(daemon.client, enabled.job_id)
        await until_carried(host)
        path = Path(run(host, "backup-state", "--json").json["path"])
    with sqlite3.connect(path) as backup:
        backup.execute("UPDATE jobs SET state = 'pending', completed_at = NULL WHERE type = 'project.extension_enable'")
    backup.close()
    assert run(host, "restore-state", path).status == 0
    async with host.daemon() as daemon:
        job = await daemon.client.get_job(enabled.job_id)
        assert job.state == "failed"
        assert "restored from a backup" in job.error


async def test_a_backup_of_another_cluster_is_refused(host: Host) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        path = Path(run(host, "backup-state", "--json").json["path"])
    with sqlite3.connect(path) as backup:
        backup.execute("UPDATE facts SET value = '42' WHERE name = 'system_identifier'")
    backup.close()
    before = host.state.read_bytes()
    refused = run(host, "restore-state", path)
    assert refused.status == 1
    assert "system identifier 42" in refused.said
    assert host.state.read_bytes() == before


async def test_an_old_copy_that_was_put_back_by_hand_is_told(host: Host) -> None:
    old = host.directory / "old"
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        await until_carried(host)
        assert daemon.stop() == 0
    shutil.copy(host.state, old)
    async with host.daemon() as daemon:
        await daemon.client.create("later")
        await until_carried(host)
        daemon.kill()
    lose(host)
    shutil.copy(old, host.state)
    async with host.daemon(event="another state file") as daemon:
        assert "restore-state" in daemon.said
        assert '"cluster.ready"' not in daemon.said


async def test_a_damaged_file_stops_the_daemon_with_what_to_do(host: Host) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        assert run(host, "backup-state").status == 0
        assert daemon.stop() == 0
    with host.state.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 20_000)
    async with host.daemon(may_die=True) as daemon:
        assert daemon.has_died
        assert "damaged" in daemon.said
        assert "capyd restore-state" in daemon.said
        assert "capyd rebuild-state" in daemon.said
    assert run(host, "restore-state").status == 0
    async with host.daemon() as daemon:
        assert len(await daemon.client.list_projects()) == 1
