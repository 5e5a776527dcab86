"""Tells whether the pooler's certificate has been replaced since it was last read."""

from pathlib import Path

from capyd.config.settings import PoolerSettings

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Of the certificate and its key: device, inode and time of change, or None where there is no such file.

Not what they hold: the key is the pooler's to read and nobody else's.
"""


def read_stamp(pooler: PoolerSettings) -> Stamp:
    """The files as they are now. Empty without TLS."""
    files = (pooler.tls_certificate_file, pooler.tls_key_file)
    return tuple(_stamp(file) for file in files if file is not None)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
