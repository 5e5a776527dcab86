"""Plans: the ceilings of a project, by the plan of its organization."""

from dataclasses import dataclass
from datetime import timedelta

from capyd.domain.tenants import TenantLimits


@dataclass(frozen=True, slots=True)
class Plan:
    """The ceilings of one project. Ceilings, not reservations: a cluster may be promised more than once."""

    name: str
    max_connections: int
    """Sessions at once, direct and pooled together."""
    storage_limit_bytes: int
    statement_timeout: timedelta
    idle_transaction_timeout: timedelta

    @property
    def limits(self) -> TenantLimits:
        """What a tenant of a new project may use."""
        return TenantLimits(self.max_connections, self.statement_timeout, self.idle_transaction_timeout)


GIB = 1024**3

DEFAULT_PLANS = {
    plan.name: plan
    for plan in (
        Plan("vibe", 15, 5 * GIB, timedelta(seconds=30), timedelta(seconds=60)),
        Plan("ship", 30, 20 * GIB, timedelta(seconds=60), timedelta(seconds=90)),
        Plan("business", 60, 100 * GIB, timedelta(seconds=300), timedelta(seconds=120)),
    )
}
"""The contract's, in ascending order."""
