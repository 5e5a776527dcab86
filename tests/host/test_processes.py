"""Processes found and ended through /proc, and children on record."""

import os
import signal
import sys
from pathlib import Path

import pytest

from capyd.host.child import Program, describe_exit, spawn
from capyd.host.command import run_command
from capyd.host.errors import CommandError, HostError
from capyd.host.processes import ProcessIdentity, end_process, find_by_command, identify
from capyd.host.records import ChildRecords
from capyd.host.users import current_user, server_user

GENTLE = ((signal.SIGTERM, 5.0),)


def program(tmp_path: Path, *argv: str, stop_signals=GENTLE) -> Program:
    return Program(
        name="sleeper",
        argv=argv or (sys.executable, "-c", f"import time; time.sleep(60)  # {tmp_path}"),
        user=current_user(),
        log=tmp_path / "sleeper.log",
        working_directory=tmp_path,
        stop_signals=stop_signals,
    )


def records(tmp_path: Path) -> ChildRecords:
    return ChildRecords(tmp_path / "children.json")


async def test_a_child_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    child = await spawn(program(tmp_path), records(tmp_path))
    assert os.getsid(child.pid) == child.pid
    await child.stop()
    assert child.returncode == -signal.SIGTERM


async def test_a_child_that_does_not_hear_is_killed(tmp_path: Path) -> None:
    signals = ((signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0))
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Children inherit it.
    try:
        child = await spawn(program(tmp_path, "/bin/sleep", "60", stop_signals=signals), records(tmp_path))
    finally:
        signal.signal(signal.SIGTERM, before)
    await child.stop()
    assert child.returncode == -signal.SIGKILL


async def test_a_later_parent_finds_the_child(tmp_path: Path) -> None:
    child = await spawn(program(tmp_path), records(tmp_path))
    found = records(tmp_path).find_running("sleeper")
    assert [process.pid for process in found] == [child.pid]
    await end_process(found[0], GENTLE)
    assert not found[0].is_alive()
    await child.wait()
    assert records(tmp_path).find_running("sleeper") == []


async def test_a_child_whose_parent_died_before_it_had_a_pid_is_found_by_its_command(tmp_path: Path) -> None:
    child = await spawn(program(tmp_path), records(tmp_path))
    unconfirmed = ChildRecords(tmp_path / "other.json")
    unconfirmed.announce("sleeper", child.program.argv)
    found = ChildRecords(tmp_path / "other.json").find_running("sleeper")
    await child.stop()
    assert [process.pid for process in found] == [child.pid]


async def test_a_process_of_the_same_pid_but_another_start_is_not_ours() -> None:
    here = identify(os.getpid())
    assert here is not None
    assert here.is_alive()
    assert not ProcessIdentity(here.pid, here.started - 1).is_alive()


def test_a_zombie_is_gone() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert identify(pid) is None
    os.waitpid(pid, 0)


def test_a_command_is_found_by_all_its_arguments() -> None:
    assert find_by_command(["no", "such", "command"]) == []


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot be run"):
        await spawn(program(tmp_path, "/nowhere/program"), records(tmp_path))
    assert records(tmp_path).find_running("sleeper") == []


async def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(CommandError, match="exited with status 3") as failure:
        await run_command(["sh", "-c", "echo because; exit 3"], user=current_user(), timeout=10)
    assert failure.value.output == "because"


async def test_a_command_that_takes_too_long_is_killed_with_its_children() -> None:
    script = f"sleep 61.{os.getpid()} & wait"
    with pytest.raises(CommandError, match="longer than"):
        await run_command(["sh", "-c", script], user=current_user(), timeout=0.2)
    assert find_by_command(["sleep", f"61.{os.getpid()}"]) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
async def test_servers_of_root_run_as_somebody_else() -> None:
    user = server_user()
    assert user.uid != 0
    assert await run_command(["id", "-u"], user=user, timeout=10) == str(user.uid)


def test_how_it_ended_in_words() -> None:
    assert describe_exit(-9) == "was ended by SIGKILL"
    assert describe_exit(1) == "exited with status 1"
