"""Processes that are not children of this one, found and ended through /proc.

Only files that every user may read are used (`stat`, `cmdline`): in a container without CAP_SYS_PTRACE root itself
may not look at another user's `cwd`, `exe` or `environ`.
"""

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_POLL_SECONDS = 0.02

StopSignals = tuple[tuple[signal.Signals, float], ...]
"""What is sent to end a process, in order: a signal, and the seconds it is given before the next one."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, for ever: a pid is used again, a pid with its start time is not."""

    pid: int
    started: int
    """Clock ticks after boot."""

    def is_alive(self) -> bool:
        """Whether it still runs. A zombie does not."""
        return identify(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Send a signal, to nobody when the process is gone."""
        if not self.is_alive():
            return
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return


def identify(pid: int) -> ProcessIdentity | None:
    """The running process `pid`, or None when there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name stands in parentheses and may hold any character: count from the last one.
    fields = text.rpartition(")")[2].split()
    state, started = fields[0], int(fields[19])
    return None if state in {"Z", "X"} else ProcessIdentity(pid, started)


def command_of(pid: int) -> list[str]:
    """The command line of a process; empty when it is gone."""
    try:
        text = (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [argument.decode(errors="replace") for argument in text.split(b"\0")[:-1]]


def find_by_command(argv: Sequence[str]) -> list[ProcessIdentity]:
    """The running processes whose command line is exactly `argv`."""
    wanted = list(argv)
    return [process for process, command in _commands() if command == wanted]


def find_by_title(prefix: str) -> list[ProcessIdentity]:
    """The running processes whose title starts with `prefix` (PostgreSQL's backends give themselves one)."""
    return [process for process, command in _commands() if command and command[0].startswith(prefix)]


def _commands() -> Iterator[tuple[ProcessIdentity, list[str]]]:
    for entry in _PROC.iterdir():
        process = identify(int(entry.name)) if entry.name.isdigit() else None
        if process is not None:
            yield process, command_of(process.pid)


async def end_process(process: ProcessIdentity, signals: StopSignals) -> None:
    """End a process that is not a child: send each signal in turn until it is gone."""
    loop = asyncio.get_running_loop()
    for number, seconds in signals:
        process.send(number)
        deadline = loop.time() + seconds
        while process.is_alive() and loop.time() < deadline:  # noqa: ASYNC110  (nobody tells us of another's child)
            await asyncio.sleep(_POLL_SECONDS)
        if not process.is_alive():
            return
