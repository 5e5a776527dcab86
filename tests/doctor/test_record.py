"""What the daemon finds and mends by itself is told: as events, and in the audit trail."""

import asyncio
import contextlib
from collections.abc import Sequence

from capyd.domain.events import Event
from capyd.sqlite.audit import list_audit_events
from capyd.sqlite.events import list_events
from tests.doctor.patient import Patient
from tests.stack.polling import until


async def told(patient: Patient) -> Sequence[Event]:
    async with patient.database.reading() as reads:
        found = await list_events(reads, after=0, limit=1000)
    return [event for event in found if event.type in ("cluster.repaired", "alert.finding")]


async def test_what_was_mended_and_what_was_not_is_told_once(patient: Patient) -> None:
    login = await patient.project()
    name = login.names.database
    patient.do(f"ALTER DATABASE {name} CONNECTION LIMIT 1")
    patient.do("CREATE ROLE capy_aaaaaaaaaaaaaaaa NOLOGIN")
    running = asyncio.create_task(patient.reconciler.run())
    try:
        for _ in range(2):
            await patient.reconciler.look_after()
            found = await until(lambda: told(patient), lambda events: len(events) >= 2)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        patient.do("DROP ROLE capy_aaaaaaaaaaaaaaaa")
    by_type = {event.type: event for event in found}
    assert set(by_type) == {"cluster.repaired", "alert.finding"}
    repaired, off = by_type["cluster.repaired"], by_type["alert.finding"]
    assert (repaired.details["kind"], repaired.details["subject"]) == ("wrong_limits", name)
    assert repaired.project_id is not None
    assert off.details["subject"] == "capy_aaaaaaaaaaaaaaaa"
    assert len(found) == 2
    async with patient.database.reading() as reads:
        (act,) = await list_audit_events(reads, after=0, limit=10)
    assert (act.actor_kind, act.action, act.target_id) == ("daemon", "cluster.repair", name)
    assert act.project_id == repaired.project_id
