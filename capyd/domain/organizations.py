"""Organizations: who owns projects, and under which plan."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Organization:
    """One organization."""

    id: str
    name: str
    slug: str
    plan: str
    created_at: datetime
    updated_at: datetime
    suspended_at: datetime | None
    suspended_reason: str | None
