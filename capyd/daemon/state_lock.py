"""One daemon per state file: a file lock, which the kernel lets go of when its holder dies."""

import fcntl
import os
from pathlib import Path


class StateLockedError(Exception):
    """Another daemon has the state file. Its text says which process."""


class StateLock:
    """Held from `acquire` until the process ends."""

    def __init__(self, state_path: Path) -> None:
        self._path = state_path.with_name(state_path.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StateLockedError: a living daemon has it.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise StateLockedError(f"another capyd (process {holder or 'unknown'}) has {self._path}") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
