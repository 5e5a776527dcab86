"""Directories under `base/` that no database has."""

import asyncio

from capyd.domain.findings import FindingKind
from capyd.postgres.orphans import find_orphans
from tests.doctor.patient import Patient

OID = 999999


async def test_an_orphan_is_reported_and_stays(patient: Patient) -> None:
    directory = patient.cluster.data_dir / "base" / str(OID)
    directory.mkdir()
    try:
        await patient.leave(FindingKind.ORPHAN_DIRECTORY, f"base/{OID}")
        assert directory.exists()
    finally:
        directory.rmdir()


async def test_a_directory_that_is_being_filled_is_none(patient: Patient) -> None:
    directory = patient.cluster.data_dir / "base" / str(OID)
    directory.mkdir()
    with patient.cluster.connect() as creator:
        # As a CREATE DATABASE does from before its directory is there until after it is committed, or removed.
        creator.execute("BEGIN")
        creator.execute("LOCK TABLE pg_database IN ROW EXCLUSIVE MODE")
        async with patient.engine.connections.ledger() as ledger:
            looking = asyncio.create_task(find_orphans(ledger))
            await asyncio.wait([looking], timeout=0.3)
            assert not looking.done()
            directory.rmdir()
            creator.execute("COMMIT")
            assert await looking == frozenset()
