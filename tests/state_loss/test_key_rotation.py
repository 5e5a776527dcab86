"""Another key for the passwords at rest: nobody notices, and it may be cut off anywhere."""

import pytest

from capyd.host.sealing import read_key_file
from tests.reliability.host import Host
from tests.state_loss.installation import create_projects, log_in, lose, run, until_carried


async def _check(host: Host, urls: list[tuple[str, str]]) -> None:
    async with host.daemon(spares=1) as daemon:
        found = [await daemon.client.urls(project.id) for project in await daemon.client.list_projects()]
        assert found == urls
        assert await log_in(found[0][0])
        # What was a spare has a password that can be shown.
        await create_projects(daemon.client, 1)


@pytest.mark.parametrize(
    "point",
    ["", "key.write.before#1", "key.write.after#1", "sqlite.commit.before", "sqlite.commit.after", "key.write.after#2"],
)
async def test_every_password_is_sealed_anew(host: Host, point: str) -> None:
    async with host.daemon(spares=1) as daemon:
        await create_projects(daemon.client, 2)
        urls = [await daemon.client.urls(project.id) for project in await daemon.client.list_projects()]
        await until_carried(host)
    key_file = host.directory / "secret.key"
    (before,) = read_key_file(key_file)
    if point:
        assert run(host, "secrets rotate-key", failpoints=f"{point}=exit").status == -9
        await _check(host, urls)
        urls.append(urls[0])
    done = run(host, "secrets rotate-key", "--json")
    assert done.status == 0, done.said
    (after,) = read_key_file(key_file)
    assert after != before
    # Under the new key alone, also out of the ledger.
    lose(host)
    assert run(host, "rebuild-state").status == 0
    async with host.daemon(spares=1) as daemon:
        for project in await daemon.client.list_projects():
            assert await log_in((await daemon.client.urls(project.id))[0])


async def test_not_while_a_daemon_runs(host: Host) -> None:
    async with host.daemon():
        refused = run(host, "secrets rotate-key")
    assert refused.status == 1
    assert "stop it first" in refused.said
