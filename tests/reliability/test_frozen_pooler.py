"""A pooler that is stopped in the middle of a command: it neither answers nor hangs up."""

import pytest

from tests.reliability.daemon import Armed
from tests.reliability.host import Host
from tests.reliability.reality import read_jobs, until_settled
from tests.reliability.scenarios import complete
from tests.stack.polling import until


@pytest.mark.parametrize("host", ["pg15"], indirect=True, scope="package")
async def test_jobs_wait_for_a_frozen_pooler_and_burn_no_attempt(host: Host) -> None:
    host.forget_everything()
    async with host.daemon() as daemon:
        await daemon.client.create_organization()
        await until_settled(host, daemon.client, spares=0)
    trace = host.directory / "trace"
    trace.unlink(missing_ok=True)
    # Long enough to freeze it between the moment in which it is asked for and the command.
    async with host.daemon(Armed("pooler.reload.before=delay:0.5", trace)) as daemon:

        async def told_to_reload() -> bool:
            return trace.read_text().count("pooler.reload.before") == seen + 1

        async def waits() -> bool:
            (job,) = read_jobs(host, accepted.project_id)
            return job.state == "pending" and "pooler" in (job.error or "")

        await until_settled(host, daemon.client, spares=0)
        seen = trace.read_text().count("pooler.reload.before")
        accepted = await daemon.client.create("frozen")
        await until(told_to_reload)
        with host.frozen_pooler():
            await until(waits)
        await complete(daemon.client, accepted)
        await until_settled(host, daemon.client, spares=0)
        (job,) = read_jobs(host, accepted.project_id)
        assert job.attempts == 1
