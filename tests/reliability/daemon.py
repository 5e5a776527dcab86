"""The daemon as a process that may die at any moment, with failpoints of its own."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.client import Client
from tests.stack.polling import until

_STOP_SECONDS = 60


@dataclass(frozen=True)
class Armed:
    """What the environment of one daemon switches on."""

    rules: str = ""
    trace: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        chosen = {"CAPYD_FAILPOINTS": self.rules, "CAPYD_FAILPOINTS_TRACE": str(self.trace or "")}
        return {name: value for name, value in chosen.items() if value}


class Daemon:
    """One run of `capyd daemon`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, client: Client) -> None:
        self._process = process
        self._log = log
        self.client = client

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def has_died(self) -> bool:
        return self._process.poll() is not None

    @property
    def said(self) -> str:
        """Its log."""
        return self._log.read_text()

    def kill(self) -> None:
        """kill -9, if it has not died by itself."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_STOP_SECONDS)

    async def until_said(self, event: str, *, times: int = 1) -> None:
        """Return when its log has the event so many times, or it has died."""

        async def heard() -> bool:
            return self.has_died or self.said.count(event) >= times

        try:
            await until(heard)
        except AssertionError as error:
            raise AssertionError(f"no {event} in its log:\n{self.said}") from error
