"""What PostgreSQL's listener demands, as the server says it."""

from capyd.postgres.connections import AdminConnections
from capyd.postgres.listener import Listener, read_listener
from tests.servers import Cluster


async def test_what_the_rules_and_the_parameter_say(connections: AdminConnections, cluster: Cluster) -> None:
    rules = cluster.data_dir / "pg_hba.conf"
    before = rules.read_text()
    try:
        async with connections.maintenance() as connection:
            assert await read_listener(connection) == Listener(serves_tls=False, takes_plain_text=True)
            rules.write_text(before.replace("host    all          all  all  scram", "hostssl all all all scram"))
            assert await read_listener(connection) == Listener(serves_tls=False, takes_plain_text=False)
    finally:
        rules.write_text(before)
