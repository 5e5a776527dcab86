"""Backups: of a file in use, whole or not there, and no more of them than wanted."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from capyd.sqlite.backup import BackupError, Backups
from capyd.sqlite.integrity import check_integrity
from tests.reliability.host import Host
from tests.state import ManualClock, add_organization, add_project, open_state
from tests.state_loss.installation import create_projects, run


def _rows(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT count(*) FROM organizations").fetchone()[0]
    connection.close()
    return int(found)


async def test_it_has_what_was_committed_and_the_newest_are_kept(tmp_path: Path) -> None:
    clock = ManualClock()
    backups = Backups(state=tmp_path / "s", directory=tmp_path / "b", keep=2)
    async with open_state(tmp_path / "s") as database:
        for each in range(3):
            await add_organization(database, f"org_{each}")
            made = await backups.make(now=clock.now)
            assert _rows(made.path) == each + 1
            await check_integrity(made.path)
            clock.advance(timedelta(hours=1))
    assert [_rows(each.path) for each in backups.list()] == [2, 3]
    # Each is one file: nothing beside it is needed to read it.
    assert len(list((tmp_path / "b").iterdir())) == 2
    assert all(each.path.stat().st_mode & 0o077 == 0 for each in backups.list())


async def test_one_is_made_when_the_newest_is_old_enough(tmp_path: Path) -> None:
    clock = ManualClock()
    backups = Backups(state=tmp_path / "s", directory=tmp_path / "b", keep=9)
    every = timedelta(hours=6)
    async with open_state(tmp_path / "s"):
        assert await backups.make_when_due(every=every, now=clock.now) is not None
        clock.advance(timedelta(hours=5))
        assert await backups.make_when_due(every=every, now=clock.now) is None
        clock.advance(timedelta(hours=1))
        assert await backups.make_when_due(every=every, now=clock.now) is not None


async def test_a_damaged_file_is_not_backed_up(tmp_path: Path) -> None:
    clock = ManualClock()
    state = tmp_path / "s"
    async with open_state(state) as database:
        await add_organization(database)
        for each in range(200):
            await add_project(database, f"prj_{each}")
    with state.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 20_000)
    backups = Backups(state=state, directory=tmp_path / "b", keep=2)
    with pytest.raises(BackupError, match="damaged"):
        await backups.make(now=clock.now)
    assert list((tmp_path / "b").iterdir()) == []


@pytest.mark.parametrize("point", ["backup.copied", "backup.checked"])
async def test_one_that_is_killed_leaves_no_backup_and_the_next_one_cleans_up(host: Host, point: str) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        # The daemon has made one at its start, perhaps: what counts is what comes to it.
        directory = host.directory / "backups"
        before = set(directory.glob("*.sqlite"))
        assert run(host, "backup-state", failpoints=f"{point}=exit").status == -9
        assert set(directory.glob("*.sqlite")) == before
        made = run(host, "backup-state", "--json")
        assert made.status == 0, made.said
        assert _rows(Path(made.json["path"])) == 1
        assert not [path for path in directory.iterdir() if path.suffix != ".sqlite"]
