"""The daemon dies in the middle of its repairs, and its successor finishes them."""

from collections.abc import AsyncIterator

import pytest

from capyd.client.channel import open_channel
from capyd.v1.cluster_pb2 import CheckClusterRequest, Finding
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub
from tests.reliability.client import Client
from tests.reliability.host import Armed, Host, running_host
from tests.reliability.scenarios import complete
from tests.servers import installations, running_cluster
from tests.stack.polling import until
from tests.stack.tenant import ask, parts, session

PASSWORD = "of-my-own"


@pytest.fixture(scope="module", params=["pg15"])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    """One for these tests alone."""
    with running_cluster(installations()[request.param]) as cluster:
        async with running_host(cluster) as host:
            yield host


class Victim:
    """A project, beside a spare, of a host that is spoiled again and again."""

    def __init__(self, host: Host, project_id: str, urls: tuple[str, str]) -> None:
        self._host = host
        self._project_id = project_id
        self._urls = urls
        self._name = str(parts(urls[0])["dbname"])

    @classmethod
    async def make(cls, host: Host) -> "Victim":
        async with host.daemon(spares=1) as daemon:
            await daemon.client.create_organization()
            project_id = (await complete(daemon.client, await daemon.client.create("project"))).project_id
            urls = await daemon.client.urls(project_id)
            await _until_nothing_is_off(host)
        async with session(urls[0]) as tenant:
            await tenant.execute("CREATE TABLE precious AS SELECT 42 AS answer")
        return cls(host, project_id, urls)

    def spoil(self) -> None:
        """A tenant's own password, a lifted limit, and a spare whose database is gone."""
        with self._host.connect() as admin:
            admin.execute(f"ALTER ROLE {self._name} PASSWORD '{PASSWORD}' CONNECTION LIMIT -1")
            admin.execute(f"ALTER DATABASE {self._name} CONNECTION LIMIT -1")
            spares = admin.execute(
                "SELECT database_name FROM capyd.tenants JOIN pg_database AS d ON d.oid = database_oid"
                " WHERE state = 'spare'"
            ).fetchall()
            for (spare,) in spares:
                admin.execute(f"DROP DATABASE {spare} WITH (FORCE)")

    async def check(self, client: Client) -> None:
        """All is mended, and nothing is lost."""
        await _until_nothing_is_off(self._host)
        for url in self._urls:
            assert await ask(url, "SELECT answer FROM precious", password=PASSWORD) == 42
        with self._host.connect() as admin:
            limits = admin.execute(
                "SELECT rolconnlimit, datconnlimit FROM pg_roles JOIN pg_database ON datname = rolname"
                " WHERE rolname = %s",
                [self._name],
            ).fetchone()
        assert limits == (15, 15)
        (project,) = await client.list_projects()
        assert (project.id, project.state) == (self._project_id, "ready")


async def _until_nothing_is_off(host: Host) -> None:
    async with open_channel(f"unix:{host.directory / 'admin.sock'}") as channel:
        service = ClusterServiceStub(channel)

        async def findings() -> list[Finding]:
            return list((await service.CheckCluster(CheckClusterRequest(), timeout=60)).findings)

        await until(findings, lambda found: found == [])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stride", [10, pytest.param(1, marks=pytest.mark.full)])
async def test_repairs_that_are_cut_off_are_finished(host: Host, stride: int) -> None:
    host.forget_everything()
    victim = await Victim.make(host)
    trace = host.directory / "trace"
    trace.unlink(missing_ok=True)
    victim.spoil()
    # Undisturbed first: the points that there are.
    async with host.daemon(Armed(trace=trace), spares=1) as daemon:
        await victim.check(daemon.client)
    points = trace.read_text().splitlines()
    assert any(point.startswith("postgres.alter_database") for point in points), points
    died = 0
    for hit in range(1, len(points) + 1, stride):
        victim.spoil()
        async with host.daemon(Armed(f"*#{hit}=exit"), spares=1, event='"reconcile.') as daemon:
            died += daemon.has_died
        async with host.daemon(spares=1) as daemon:
            await victim.check(daemon.client)
    assert died > len(points) // stride // 2
