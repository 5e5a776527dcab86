"""Keeps the children of the stack running, and stops them in order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NoReturn

from capyd.dev.errors import StackError
from capyd.dev.progress import Progress
from capyd.host.child import Child, Program, describe_exit, spawn
from capyd.host.records import ChildRecords

_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 30.0
_STEADY_SECONDS = 30.0
"""A child that ran this long was well: its next restart comes at once again."""

_LOG_LINES = 15

Prepare = Callable[[], Awaitable[None]]


class Supervisor:
    """The children by name, in the order of their start.

    Until `keep` is called a child that ends is a failure (`until_answering` raises); from then on it is started again.
    """

    def __init__(self, records: ChildRecords, progress: Progress, *, prepare: Mapping[str, Prepare]) -> None:
        """`prepare` is awaited before the child of that name is started again."""
        self._records = records
        self._progress = progress
        self._prepare = prepare
        self._children: dict[str, Child] = {}
        self._changed = asyncio.Event()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids, by name."""
        return {name: child.pid for name, child in self._children.items()}

    async def start(self, program: Program) -> None:
        """Start a program."""
        self._children[program.name] = await spawn(program, self._records)

    async def until_answering(self, name: str, probe: Awaitable[None]) -> None:
        """Wait for `probe`, which returns when the child answers.

        Raises:
            StackError: the child ended, or did not answer in time (the probe raised TimeoutError).
        """
        child = self._children[name]
        ending = asyncio.ensure_future(child.wait())
        probing = asyncio.ensure_future(probe)
        try:
            await asyncio.wait({ending, probing}, return_when=asyncio.FIRST_COMPLETED)
            if not probing.done():
                self._fail(child, f"{name} {describe_exit(ending.result())} while it started")
            try:
                probing.result()
            except TimeoutError:
                self._fail(child, f"{name} does not answer")
        finally:
            ending.cancel()
            probing.cancel()

    async def keep(self, on_restart: Callable[[], Awaitable[None]]) -> None:
        """Start again every child that ends, until cancelled; `on_restart` is awaited after.

        Raises:
            HostError: one cannot be started again.
        """
        keepers = [asyncio.create_task(self._keep(name), name=f"keep {name}") for name in self._children]
        keepers.append(asyncio.create_task(self._tell(on_restart), name="tell of restarts"))
        try:
            await asyncio.gather(*keepers)
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    async def stop(self) -> None:
        """Stop all children, the last started first."""
        while self._children:
            name, child = self._children.popitem()
            await child.stop()
            self._records.forget(name)

    async def _keep(self, name: str) -> NoReturn:
        delay = _FIRST_DELAY_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            child = self._children[name]
            started = loop.time()
            returncode = await child.wait()
            if loop.time() - started > _STEADY_SECONDS:
                delay = _FIRST_DELAY_SECONDS
            self._progress.say(
                f"{name} {describe_exit(returncode)}; starting it again in {delay:g} s (log: {child.program.log})"
            )
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
            if name in self._prepare:
                await self._prepare[name]()
            await self.start(child.program)
            self._changed.set()

    async def _tell(self, on_restart: Callable[[], Awaitable[None]]) -> NoReturn:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await on_restart()

    @staticmethod
    def _fail(child: Child, what: str) -> NoReturn:
        log = child.program.log
        raise StackError(f"{what}. The last lines of {log}:\n{_last_lines(log)}")


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:]) or "(it is empty)"
