"""The step that ends what there is of a tenant in the pooler, before its doors are shut for good."""

from capyd.jobs.steps import Steps
from capyd.pgbouncer.pooler import Pooler


async def end_pooled_sessions(pooler: Pooler, database_name: str, steps: Steps) -> None:
    """Refuse new clients of the database and end those it has; the journal says how many these were.

    Raises:
        PoolerUnreachableError: the pooler does not answer.
        TransientError: it would not.
    """
    async with steps.step("end pooled sessions", seconds=20):
        clients = await pooler.disable_and_kill(database_name)
    if clients:
        steps.note(f"ended {clients} client{'s' * (clients > 1)} of the pooler")
