"""Takes back what a dead daemon was running."""

from capyd.runtime.clock import Clock
from capyd.runtime.logs import get_logger
from capyd.sqlite.database import Database
from capyd.sqlite.job_moves import take_back_running_jobs

logger = get_logger(__name__)


async def rescue(database: Database, *, clock: Clock) -> int:
    """Make every running job pending again; how many those were.

    Called once at start, under the lock of the state file: whoever ran them is dead, and there is no lease to wait
    out. Their steps observe before they act, so that running them again does no harm.
    """
    async with database.transaction() as tx:
        rescued = await take_back_running_jobs(tx, claimed_by=None, now=clock())
    if rescued:
        logger.info("jobs.rescued", number=rescued)
    return rescued
