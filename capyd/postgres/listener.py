"""What PostgreSQL's TCP listener demands of clients."""

from dataclasses import dataclass

from capyd.postgres.connections import Connection


@dataclass(frozen=True, slots=True)
class Listener:
    """Of tenants' direct connections."""

    serves_tls: bool
    takes_plain_text: bool
    """Whether any rule of `pg_hba.conf` lets a client in without TLS."""

    def objection_to(self, ssl_mode: str) -> str | None:
        """Why a URL with this `sslmode` does not tell the truth, or None: a client that follows it gets in."""
        if ssl_mode in ("require", "verify-ca", "verify-full") and not self.serves_tls:
            return (
                f"direct URLs say sslmode={ssl_mode}, and PostgreSQL serves no TLS: set ssl = on in postgresql.conf "
                'with a certificate, or [cluster] direct_ssl_mode = "disable"'
            )
        if ssl_mode == "disable" and not self.takes_plain_text:
            return (
                "direct URLs say sslmode=disable, and pg_hba.conf lets nobody in without TLS: "
                'set [cluster] direct_ssl_mode = "require"'
            )
        return None


async def read_listener(connection: Connection) -> Listener:
    """What the server's parameters and the rules in its `pg_hba.conf` say."""
    cursor = await connection.execute(
        """
        SELECT
            pg_catalog.current_setting('ssl') = 'on',
            EXISTS (
                SELECT FROM pg_catalog.pg_hba_file_rules
                WHERE type IN ('host', 'hostnossl') AND auth_method <> 'reject'
            )
        """
    )
    serves_tls, takes_plain_text = await cursor.fetchone() or (False, False)
    return Listener(serves_tls, takes_plain_text)
