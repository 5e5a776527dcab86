"""Which of the stack's servers take connections with TLS alone; the others take them without."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tls:
    """What was wanted, and the program can."""

    direct: bool
    """PostgreSQL. The one of the wheel cannot."""
    pooled: bool
    """PgBouncer."""

    @property
    def anywhere(self) -> bool:
        """Whether clients need the authority's certificate to know whom they talk to."""
        return self.direct or self.pooled


def ssl_mode(serves_tls: bool) -> str:
    """`sslmode` of the URLs that lead to a listener: what it demands."""
    return "require" if serves_tls else "disable"
