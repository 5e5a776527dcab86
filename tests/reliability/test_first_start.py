"""The daemon dies while it makes a new cluster ready: the next start goes on from there."""

import pytest

from tests.reliability.daemon import Armed
from tests.reliability.host import Host
from tests.reliability.reality import until_settled
from tests.reliability.scenarios import complete, prepared
from tests.reliability.walk import Hit, read_hits, until_still
from tests.stack.tenant import ask

_SPARES = 1
_STRIDE = 11


async def _learn(host: Host) -> list[Hit]:
    trace = host.directory / "trace"
    trace.unlink(missing_ok=True)
    host.forget_everything()
    async with host.daemon(Armed(trace=trace), spares=_SPARES) as daemon:
        await until_settled(host, daemon.client, spares=_SPARES)
        await until_still(trace)
    return read_hits(trace)


async def _die_and_start_again(host: Host, hit: Hit) -> bool:
    """Whether it died; afterwards all is as it should be."""
    host.forget_everything()
    async with host.daemon(Armed(hit.rule("exit")), spares=_SPARES) as daemon:
        if not daemon.has_died:
            await until_settled(host, daemon.client, spares=_SPARES, unless=lambda: daemon.has_died)
        died = daemon.has_died
    async with host.daemon(spares=_SPARES) as daemon:
        await daemon.client.create_organization()
        await until_settled(host, daemon.client, spares=_SPARES)
        accepted = await complete(daemon.client, await daemon.client.create("the first"))
        project = await prepared(daemon.client, accepted.project_id)
        for url in project.urls:
            assert await ask(url, "SELECT current_database()") == project.database
    return died


@pytest.mark.parametrize("host", ["pg15"], indirect=True, scope="package")
async def test_killed_at_some_points(host: Host) -> None:
    hits = (await _learn(host))[::_STRIDE]
    died = [await _die_and_start_again(host, hit) for hit in hits]
    assert sum(died) >= len(hits) // 2


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("host", ["pg15", "pg18"], indirect=True, scope="package")
async def test_killed_at_every_point(host: Host) -> None:
    hits = await _learn(host)
    died = [await _die_and_start_again(host, hit) for hit in hits]
    assert sum(died) >= len(hits) * 3 // 4
