"""The pool keeps its number, gives way to creates that wait, and leaves room to tenants."""

import asyncio

from capyd.config.settings import SpareSettings
from capyd.postgres.spares import count_spares
from tests.doctor.patient import Patient


async def test_it_is_filled_to_what_the_claims_ask_for(patient: Patient) -> None:
    spares = patient.engine.spares
    spares.take_settings(SpareSettings(target=1, most=3))
    for _ in range(5):
        spares.claimed()
    await spares.fill()
    status = await spares.status()
    assert (status.ready, status.building, status.target, status.claims_per_minute) == (3, 0, 3, 5)


async def test_nothing_is_built_ahead_where_there_is_no_room(patient: Patient) -> None:
    spares = patient.engine.spares
    spares.take_settings(SpareSettings(target=1, min_free_connections=10_000))
    await spares.fill()
    assert await count_spares(patient.engine.connections) == 0
    await spares.build()
    assert await count_spares(patient.engine.connections) == 1


async def test_a_create_that_waits_goes_first(patient: Patient) -> None:
    spares = patient.engine.spares
    spares.take_settings(SpareSettings(target=4))
    waiting = [asyncio.create_task(spares.build()) for _ in range(3)]
    await asyncio.sleep(0)
    filling = asyncio.create_task(spares.fill())
    await asyncio.gather(*waiting)
    assert await count_spares(patient.engine.connections) == 3
    await filling
    assert await count_spares(patient.engine.connections) == 4


async def test_a_spare_of_another_template_is_replaced(patient: Patient) -> None:
    spares = patient.engine.spares
    old = await patient.spare()
    patient.do("UPDATE capyd.tenants SET template = 'capy_template_of_old'")
    spares.take_settings(SpareSettings(target=1))
    await spares.clean_up()
    await spares.fill()
    ((name, pooled),) = patient.ask("SELECT database_name, pooled FROM capyd.tenants")
    assert name != old.database
    assert pooled
