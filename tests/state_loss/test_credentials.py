"""Credentials outlive the state file: a second login in its grace period, and passwords that nobody can read again."""

import base64
import secrets

import grpc
import pytest

from tests.reliability.host import Host
from tests.state_loss.installation import create_projects, log_in, lose, run, until_carried, until_completed


async def test_a_grace_period_goes_on_after_a_rebuild(host: Host) -> None:
    async with host.daemon() as daemon:
        (created,) = await create_projects(daemon.client, 1)
        before = await daemon.client.urls(created.project_id)
        rotation = await daemon.client.rotate(created.project_id, grace_hours=24, request_id="rotate")
        await until_completed(daemon.client, rotation.job_id)
        now = await daemon.client.urls(created.project_id)
        await until_carried(host)
    lose(host)
    assert run(host, "rebuild-state").status == 0
    async with host.daemon() as daemon:
        assert await daemon.client.urls(created.project_id) == now
        assert len({await log_in(url) for url in (*before, *now)}) == 1
        (expiry,) = [
            job for job in await daemon.client.list_jobs(created.project_id) if job.type == "project.expire_credential"
        ]
        assert expiry.state == "pending"
        with pytest.raises(grpc.aio.AioRpcError, match="grace"):
            await daemon.client.rotate(created.project_id, grace_hours=1, request_id="again")


async def test_all_are_rotated_where_the_key_is_lost(host: Host) -> None:
    async with host.daemon() as daemon:
        created = await create_projects(daemon.client, 3)
        before = [await daemon.client.urls(each.project_id) for each in created]
        await until_carried(host)
    lose(host)
    (host.directory / "secret.key").write_bytes(base64.b64encode(secrets.token_bytes(32)))
    assert run(host, "rebuild-state", "--rotate-all").status == 0
    async with host.daemon() as daemon:
        for project in await daemon.client.list_projects():
            await until_completed(daemon.client, project.latest_job_id)
        for each in created:
            direct, pooled = await daemon.client.urls(each.project_id)
            assert await log_in(direct) == await log_in(pooled)
    assert not {url for urls in before for url in urls} & {direct, pooled}
