"""What was spawned, on disk: after a kill -9 of the parent its children live on and are found through this."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from capyd.host.processes import ProcessIdentity, find_by_command
from capyd.runtime.atomic_file import write_atomically


class _Record(TypedDict):
    argv: list[str]
    pid: int | None
    started: int | None


class ChildRecords:
    """The children of one parent, by name, in one JSON file.

    A child is announced before it is spawned and confirmed, with pid and start time, after. A record that was never
    confirmed (its parent died between the two) is looked up by its exact command line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: dict[str, _Record] = json.loads(path.read_bytes()) if path.exists() else {}

    def announce(self, name: str, argv: Sequence[str]) -> None:
        """`argv` is about to be spawned."""
        self._records[name] = {"argv": list(argv), "pid": None, "started": None}
        self._write()

    def confirm(self, name: str, process: ProcessIdentity | None) -> None:
        """It was spawned as `process`; None: it is gone already."""
        if process is None:
            self.forget(name)
            return
        self._records[name] |= {"pid": process.pid, "started": process.started}
        self._write()

    def forget(self, name: str) -> None:
        """It is gone."""
        if self._records.pop(name, None) is not None:
            self._write()

    def find_running(self, name: str) -> list[ProcessIdentity]:
        """The processes that the record of this name stands for and that still run."""
        record = self._records.get(name)
        if record is None:
            return []
        if record["pid"] is None or record["started"] is None:
            return find_by_command(record["argv"])
        process = ProcessIdentity(record["pid"], record["started"])
        return [process] if process.is_alive() else []

    def _write(self) -> None:
        write_atomically(self._path, json.dumps(self._records, indent=1).encode(), new_mode=0o600)
