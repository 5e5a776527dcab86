"""Two daemons on one state file, or on one cluster: the second refuses to start and says who is there."""

from dataclasses import replace
from pathlib import Path

from tests.reliability.host import Host


async def test_on_one_state_file(host: Host) -> None:
    async with host.daemon() as first, host.daemon(log_name="second.log", may_die=True) as second:
        assert second.has_died
        assert f"(process {first.process_id})" in second.said
        assert not first.has_died


async def test_on_one_cluster(host: Host, tmp_path: Path) -> None:
    (tmp_path / "secret.key").touch(mode=0o600)
    (tmp_path / "secret.key").write_bytes((host.directory / "secret.key").read_bytes())
    other = replace(host, directory=tmp_path)
    async with host.daemon() as first, other.daemon(may_die=True) as second:
        assert second.has_died
        assert "another capyd looks after this cluster" in second.said
        assert f"process {first.process_id} " in second.said
        assert not first.has_died


async def test_one_whose_session_was_ended_takes_the_cluster_again(host: Host) -> None:
    async with host.daemon() as daemon:
        with host.connect("postgres") as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'capyd % process %'"
            )
        await daemon.until_said('"cluster.ready"', times=2)
        assert not daemon.has_died
