"""Ends what a killed `capyd dev` left running."""

import signal
from pathlib import Path

from capyd.dev.cluster import INITDB
from capyd.dev.programs import POSTGRES, STOP_SIGNALS
from capyd.host.postmaster import find_postmaster
from capyd.host.processes import end_process
from capyd.host.records import ChildRecords


async def end_leftovers(servers: Path) -> list[str]:
    """End the processes that run from a servers' directory, and return their names.

    They are on record there; a postmaster is also found through its own pid file.
    """
    records = ChildRecords(servers / "children.json")
    ended: list[str] = []
    for name, signals in {**STOP_SIGNALS, INITDB: ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))}.items():
        for process in records.find_running(name):
            await end_process(process, signals)
            ended.append(name)
        records.forget(name)
    postmaster = find_postmaster(servers / "data")
    if postmaster is not None:
        await end_process(postmaster, STOP_SIGNALS[POSTGRES])
        ended.append(POSTGRES)
    return ended
