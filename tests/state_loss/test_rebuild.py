"""The state file is lost, and made anew from the ledger."""

import base64
import secrets
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
    until_carried,
    until_completed,
    who_is,
)

PROJECTS = 20


def _without_jobs(project: object) -> str:
    """All that a project shows, but for the job that is gone."""
    return "\n".join(line for line in str(project).splitlines() if not line.startswith("latest_job_id"))


async def test_every_project_url_and_key_is_back(host: Host) -> None:
    async with host.daemon(spares=4) as daemon:
        await create_projects(daemon.client, PROJECTS + 1)
        listed = await daemon.client.list_projects()
        *kept, dropped = listed
        deleted = await daemon.client.delete(dropped.id, request_id="delete")
        await until_completed(daemon.client, deleted.job_id)
        changed = await daemon.client.set_limits(kept[0].id, max_connections=7, request_id="limits")
        await until_completed(daemon.client, changed.job_id)
        before = [_without_jobs(it) for it in await daemon.client.list_projects()]
        urls = {project.id: await daemon.client.urls(project.id) for project in kept}
        _, token = await create_key(host, "works")
        _, bound = await create_key(host, "bound", project_id=kept[0].id)
        revoked_id, revoked = await create_key(host, "revoked")
        await revoke_key(host, revoked_id)
        await until_carried(host)
        daemon.kill()
    lose(host)

    made = run(host, "rebuild-state", "--json")
    assert made.status == 0, made.said
    assert (made.json["projects"], made.json["api_keys"], made.json["set_aside"]) == (PROJECTS, 3, None)

    async with host.daemon(spares=4) as daemon:
        after = await daemon.client.list_projects()
        assert [_without_jobs(it) for it in after] == before
        assert {project.id: await daemon.client.urls(project.id) for project in after} == urls
        for direct, pooled in urls.values():
            assert await log_in(direct) == await log_in(pooled)
        assert (await who_is(host, token)).organization_id == "org_tests"
        assert (await who_is(host, bound)).project_id == kept[0].id
        with pytest.raises(grpc.aio.AioRpcError, match="revoked"):
            await who_is(host, revoked)
        for project in after:
            assert (await daemon.client.get_job(project.latest_job_id)).state == "completed"
        # It is an installation like any other: it takes changes, and its ledger learns of them.
        (new,) = await create_projects(daemon.client, 1)
        assert await log_in((await daemon.client.urls(new.project_id))[1])
        await until_carried(host)
        assert "behind" not in daemon.said


async def test_without_the_encryption_key_the_urls_work_and_cannot_be_shown(host: Host) -> None:
    async with host.daemon() as daemon:
        (created,) = await create_projects(daemon.client, 1)
        direct, pooled = await daemon.client.urls(created.project_id)
        await until_carried(host)
    lose(host)
    (host.directory / "secret.key").write_bytes(base64.b64encode(secrets.token_bytes(32)))
    assert run(host, "rebuild-state").status == 0
    async with host.daemon() as daemon:
        assert await log_in(direct) == await log_in(pooled)
        with pytest.raises(grpc.aio.AioRpcError, match="password cannot be shown"):
            await daemon.client.urls(created.project_id)


async def test_what_was_under_way_is_done_after_all(host: Host) -> None:
    async with host.daemon() as daemon:
        (ready,) = await create_projects(daemon.client, 1)
        await until_carried(host)
        host.cluster.stop()
        try:
            created = await daemon.client.create("while it is away")
            await daemon.client.delete(ready.project_id, request_id="delete")
        finally:
            host.cluster.start()
        await until_carried(host)
        daemon.kill()
    lose(host)
    assert run(host, "rebuild-state").status == 0
    async with host.daemon() as daemon:
        for project in await daemon.client.list_projects():
            await until_completed(daemon.client, project.latest_job_id)
        assert [project.id for project in await daemon.client.list_projects()] == [created.project_id]
        direct, _ = await daemon.client.urls(created.project_id)
        assert await log_in(direct)


@pytest.mark.parametrize("point", ["sqlite.commit.before", "state.put.before", "state.put.after"])
async def test_a_rebuild_that_is_killed_is_done_again(host: Host, point: str) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 2)
        await until_carried(host)
        daemon.kill()
    damaged = b"no database"
    host.state.write_bytes(damaged)
    assert run(host, "rebuild-state", failpoints=f"{point}=exit").status == -9
    made = run(host, "rebuild-state", "--json")
    assert made.json["projects"] == 2
    kept = [path.read_bytes() for path in host.directory.glob("*.replaced-*")]
    assert damaged in kept
    assert not list(host.directory.glob("*.new*"))
    async with host.daemon() as daemon:
        assert len(await daemon.client.list_projects()) == 2


async def test_a_daemon_that_runs_is_in_the_way(host: Host) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        refused = run(host, "rebuild-state")
        assert refused.status == 1
        assert f"(process {daemon.process_id})" in refused.said
        assert "stop it first" in refused.said


async def test_a_cluster_without_a_ledger_is_nothing_to_rebuild_from(host: Host) -> None:
    async with host.daemon():
        pass
    host.forget_everything()
    refused = run(host, "rebuild-state")
    assert refused.status == 1
    assert "no ledger" in refused.said
    assert not Path(host.state).exists()
