"""Sizes are measured in turn, kept, and told of."""

from datetime import timedelta

from capyd.domain.events import STORAGE_ALERTS
from capyd.domain.storage import FULL, WARNING, Measurement
from capyd.provisioning.storage_meter import StorageMeter
from capyd.sqlite.events import list_events
from capyd.sqlite.storage import list_measurements
from tests.doctor.patient import Patient
from tests.state import START

MIB = 1 << 20


class Meter:
    """A meter whose clock the test moves."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self.now = START
        self.meter = StorageMeter(
            database=patient.database,
            connections=patient.engine.connections,
            cluster=patient.engine.cluster,
            clock=lambda: self.now,
        )

    async def measure(self, *, after: timedelta = timedelta()) -> int:
        self.now += after
        return await self.meter.measure()

    async def newest(self, project_id: str) -> Measurement:
        async with self.patient.database.reading() as reads:
            return (await list_measurements(reads))[project_id]

    async def alerts(self) -> list[str]:
        async with self.patient.database.reading() as reads:
            events = await list_events(reads, after=0, limit=1000)
        return [event.type for event in events if event.type.startswith("alert.storage")]

    async def limit(self, project_id: str, storage_limit_bytes: int) -> None:
        async with self.patient.database.transaction() as tx:
            await tx.execute(
                "UPDATE projects SET storage_limit_bytes = ? WHERE id = ?", (storage_limit_bytes, project_id)
            )


async def test_a_database_that_grows_is_told_of_once_a_level(patient: Patient) -> None:
    login = await patient.project()
    meter = Meter(patient)
    await meter.limit(login.project_id, 1024 * MIB)
    assert await meter.measure() == 1
    empty = (await meter.newest(login.project_id)).size_bytes
    assert empty > MIB
    assert await meter.alerts() == []

    await meter.limit(login.project_id, empty * 100 // WARNING - 1)
    assert await meter.measure(after=timedelta(hours=1)) == 1
    assert await meter.measure(after=timedelta(hours=1)) == 1
    assert await meter.alerts() == [STORAGE_ALERTS[WARNING]]

    with patient.cluster.connect(login.names.database) as inside:
        inside.execute("CREATE TABLE grown AS SELECT repeat('x', 1000) AS a FROM generate_series(1, 20000)")
        inside.execute("SELECT pg_stat_force_next_flush()")
    assert await meter.measure(after=timedelta(hours=1)) == 1
    assert (await meter.newest(login.project_id)).size_bytes > empty + 10 * MIB
    assert await meter.alerts() == [STORAGE_ALERTS[WARNING], STORAGE_ALERTS[FULL]]


async def test_a_quiet_one_is_left_alone_for_a_while_and_a_busy_one_is_not(patient: Patient) -> None:
    quiet, busy = await patient.project(), await patient.project()
    meter = Meter(patient)
    for login in (quiet, busy):
        await meter.limit(login.project_id, 1024 * MIB)
    assert await meter.measure() == 2
    assert await meter.measure(after=timedelta(seconds=30)) == 0
    with patient.cluster.connect(busy.names.database) as inside:
        inside.execute("SELECT pg_stat_force_next_flush()")
    assert await meter.measure(after=timedelta(minutes=5)) == 1
    assert (await meter.newest(busy.project_id)).measured_at == meter.now
    assert await meter.measure(after=timedelta(minutes=30)) == 2
