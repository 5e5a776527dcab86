"""The audit trail of a lost state file: its successor's says what is missing, and goes on from the ledger's note."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.reliability.host import Host
from tests.stack.polling import until
from tests.state_loss.installation import create_key, create_projects, lose, run, stream, until_carried


async def verify(host: Host) -> dict[str, Any]:
    """What `capyd audit verify` says of the running daemon; its exit code under `status`."""
    argv = [sys.executable, "-m", "capyd", "audit", "verify", "--json", "--target"]
    argv.append(f"unix:{host.directory / 'admin.sock'}")
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    return {**json.loads(done.stdout), "status": done.returncode}


def newest(host: Host) -> tuple[int, str]:
    with sqlite3.connect(host.state) as connection:
        sequence, action = connection.execute(
            "SELECT sequence, action FROM audit_events ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
    return sequence, action


async def until_noted(host: Host, sequence: int) -> None:
    """Return when the ledger has noted the audit trail up to there."""

    async def noted() -> int:
        with host.connect() as ledger:
            row = ledger.execute("SELECT sequence FROM capyd.audit_head").fetchone()
        return 0 if row is None else int(row[0])

    await until(noted, lambda found: found >= sequence, seconds=10)


async def test_after_a_rebuilding_the_chain_goes_on_from_the_ledger_s_head(host: Host) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        await create_key(host, "one")
        await until_carried(host)
        before, _ = newest(host)
        await until_noted(host, before)
        checked = await verify(host)
        assert (checked["status"], checked["noted_sequence"]) == (0, before)
        daemon.kill()
    followed = stream(host)
    lose(host)
    assert run(host, "rebuild-state").status == 0
    assert stream(host) != followed
    with sqlite3.connect(host.state) as connection:
        assert connection.execute("SELECT type FROM events").fetchall() == [("stream.started",)]
    assert newest(host) == (before + 1, "state.rebuild")
    async with host.daemon() as daemon:
        await create_key(host, "two")
        checked = await verify(host)
        assert checked["status"] == 0, checked
        assert checked["lost"] == [f"1 to {before} were lost with an older state file (state.rebuild)"]
        await until_noted(host, before + 2)


async def test_after_a_restoring_what_came_after_the_backup_is_said_to_be_lost(host: Host) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        await until_carried(host)
        backup = Path(run(host, "backup-state", "--json").json["path"])
        kept, _ = newest(host)
        for name in ("two", "three"):
            await create_key(host, name)
        await until_carried(host)
        await until_noted(host, kept + 2)
        daemon.kill()
    lose(host)
    assert run(host, "restore-state", backup).status == 0
    assert newest(host) == (kept + 3, "state.restore")
    async with host.daemon():
        checked = await verify(host)
        assert checked["status"] == 0, checked
        assert checked["lost"] == [f"{kept + 1} to {kept + 2} were lost with an older state file (state.restore)"]


async def test_a_tail_that_was_cut_off_by_hand_is_found(host: Host) -> None:
    async with host.daemon() as daemon:
        await create_projects(daemon.client, 1)
        await create_key(host, "one")
        await until_carried(host)
        sequence, _ = newest(host)
        await until_noted(host, sequence)
        assert daemon.stop() == 0
    with sqlite3.connect(host.state) as connection:
        connection.execute("DROP TRIGGER audit_events_deleted")
        connection.execute("DELETE FROM audit_events WHERE sequence = ?", [sequence])
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit_events'", [sequence - 1])
    connection.close()
    async with host.daemon(event='"audit.altered"'):
        for name in ("two", "three", "four"):
            await create_key(host, name)
        await until_carried(host)
        checked = await verify(host)
    assert checked["status"] == 1
    assert checked["noted_sequence"] == sequence
    with sqlite3.connect(host.state) as connection:
        assert connection.execute("SELECT 1 FROM events WHERE type = 'alert.audit_trail_altered'").fetchall()
    assert "another hash than the ledger in the cluster noted" in checked["problems"][0]
