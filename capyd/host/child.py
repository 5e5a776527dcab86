"""A long-running child process: spawned, watched, ended."""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from capyd.host.errors import HostError
from capyd.host.processes import StopSignals, identify
from capyd.host.records import ChildRecords
from capyd.host.users import OsUser, run_as


@dataclass(frozen=True, slots=True)
class Program:
    """What is run, as whom, and how it is asked to stop."""

    name: str
    argv: tuple[str, ...]
    """Absolute paths only: a leftover is recognised by this line."""
    user: OsUser
    log: Path
    """Standard output and error are appended to it. Opened here, so the program's user need not reach it."""
    working_directory: Path
    stop_signals: StopSignals
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside this process's own."""


class Child:
    """One run of a program."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process) -> None:
        self.program = program
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it has ended, and return its return code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End it: each of the program's stop signals in turn, until it is gone."""
        for number, seconds in self.program.stop_signals:
            if self._process.returncode is not None:
                return
            self._process.send_signal(number)
            try:
                async with asyncio.timeout(seconds):
                    await self._process.wait()
            except TimeoutError:
                continue


async def spawn(program: Program, records: ChildRecords) -> Child:
    """Start `program` in a session of its own: a terminal's Ctrl-C does not reach it.

    It is on record before it exists, so that it is found again should this process be killed at any moment.

    Raises:
        HostError: it cannot be executed.
    """
    records.announce(program.name, program.argv)
    log = os.open(program.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.working_directory,
            env={**os.environ, **program.environment},
            start_new_session=True,
            **run_as(program.user),
        )
    except OSError as error:
        records.forget(program.name)
        raise HostError(f"{program.argv[0]} cannot be run as user {program.user.name}: {error.strerror}") from error
    finally:
        os.close(log)
    records.confirm(program.name, identify(process.pid))
    return Child(program, process)


def describe_exit(returncode: int) -> str:
    """How a process ended, in words."""
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"exited with status {returncode}"
