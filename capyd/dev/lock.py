"""One owner at a time, for as long as its process lives."""

import fcntl
import os
from pathlib import Path


class HeldError(Exception):
    """Another process holds the lock; `pid` is what it wrote into the file, or None."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid


class FileLock:
    """A lock that the kernel gives back when its holder dies, however it dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path) -> "FileLock":
        """Take the lock at `path`, and leave this process's id in the file.

        Raises:
            HeldError: another process has it.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).strip()
            os.close(descriptor)
            raise HeldError(int(holder) if holder.isdigit() else None) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def close(self) -> None:
        """Give it back."""
        os.close(self._descriptor)
