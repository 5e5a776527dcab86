"""A lost state file opens nothing that was shut: the ledger knows who is suspended."""

from capyd.v1 import organizations_pb2 as pb
from tests.reliability.client import ORGANIZATION
from tests.reliability.host import Host
from tests.stack.tenant import refusal
from tests.state_loss.installation import create_projects, log_in, lose, run, until_carried, until_completed


async def test_a_suspended_organization_stays_shut(host: Host) -> None:
    async with host.daemon() as daemon:
        (created,) = await create_projects(daemon.client, 1)
        direct, pooled = await daemon.client.urls(created.project_id)
        await daemon.client.suspend(request_id="suspend")
        await until_completed(daemon.client, (await daemon.client.latest(created.project_id)).job_id)
        await until_carried(host)
        daemon.kill()
    lose(host)
    assert run(host, "rebuild-state").status == 0

    async with host.daemon() as daemon:
        found: pb.Organization = await daemon.client.organization()
        assert (found.id, found.billing_status, found.suspended_reason) == (ORGANIZATION, "suspended", "a test")
        assert "not permitted to log in" in await refusal(direct)
        assert "login rejected" in await refusal(pooled)
        await daemon.client.release(request_id="release")
        await until_completed(daemon.client, (await daemon.client.latest(created.project_id)).job_id)
        assert await log_in(direct) == await log_in(pooled)
