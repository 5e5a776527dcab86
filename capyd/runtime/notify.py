"""Tells a service manager what this process does: sd_notify(3), which is one datagram of lines.

Our own thirty lines: of the libraries for it one binds libsystemd, and the pure ones are no longer kept up.
"""

import os
import socket
import time
from datetime import timedelta


class ServiceManager:
    """The service manager that started this process, or nobody: then nothing is sent."""

    def __init__(self, address: str | None = None, *, patience: timedelta | None = None) -> None:
        """`address`: a Unix socket's path, or its abstract name after an `@`. `patience`: how long it bears silence."""
        self._address = address
        self._said: str | None = None
        self.patience = patience

    @classmethod
    def of_this_process(cls) -> "ServiceManager":
        """The one that the environment names. Taken out of it: what is started from here has nothing to say to it."""
        address = os.environ.pop("NOTIFY_SOCKET", None)
        microseconds = os.environ.pop("WATCHDOG_USEC", None)
        meant_for = os.environ.pop("WATCHDOG_PID", None)
        if microseconds is None or meant_for not in (None, str(os.getpid())):
            return cls(address)
        return cls(address, patience=timedelta(microseconds=int(microseconds)))

    @property
    def is_there(self) -> bool:
        """Somebody listens."""
        return self._address is not None

    def ready(self) -> bool:
        """It serves: after a start, and after a reload. False: that could not be said, and should be again."""
        return self._send("READY=1")

    def reloading(self) -> None:
        """It reads its configuration again; `ready` ends that."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """It has begun to stop."""
        self._send("STOPPING=1")

    def alive(self, *, starting_may_take: timedelta) -> None:
        """It has just done something: the watchdog starts anew, and a start that still lasts is given more time."""
        self._send("WATCHDOG=1", f"EXTEND_TIMEOUT_USEC={starting_may_take // timedelta(microseconds=1)}")

    def status(self, text: str) -> None:
        """One line for people, shown by `systemctl status`. The same one again is not sent."""
        if text != self._said and self._send(f"STATUS={' '.join(text.split())}"):
            self._said = text

    def _send(self, *lines: str) -> bool:
        if self._address is None:
            return True
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            # A full queue would hold up the event loop otherwise, and with it every request.
            end.setblocking(False)
            try:
                end.connect(address)
                end.send("\n".join(lines).encode())
            except OSError:
                # It has gone, or has fallen behind: no reason to do less than before. A watchdog notices by itself.
                return False
        return True
