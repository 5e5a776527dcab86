"""The audit trail of a state file or backup that no daemon needs to run for: read, and nothing changed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from capyd.domain.audit import AuditEvent
from capyd.sqlite.audit import event_from_row


class AuditFileError(Exception):
    """The file cannot be read. Its text says why."""


def read_audit_file(path: Path) -> Iterator[AuditEvent]:
    """Every audit event, in the order of sequences.

    Raises:
        AuditFileError: it is no state file, or has no audit trail.
    """
    with _opened(path) as connection:
        yield from map(event_from_row, connection.execute("SELECT * FROM audit_events ORDER BY sequence"))


def read_newest_sequence(path: Path) -> int:
    """The newest sequence that the file ever gave.

    Raises:
        AuditFileError: as `read_audit_file`.
    """
    with _opened(path) as connection:
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit_events'").fetchone()
        return 0 if row is None else int(row[0])


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads alone; SQLite's errors in words."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection
    except sqlite3.Error as error:
        raise AuditFileError(f"{path} cannot be read: {error}") from error
