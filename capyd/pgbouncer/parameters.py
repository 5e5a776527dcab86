"""What stands in the section `[pgbouncer]` and in an entry, for the version that is to read it."""

from capyd.config.settings import PoolerSettings
from capyd.domain.tenants import PoolerEntry
from capyd.pgbouncer.version import Version

_SINCE: dict[Version, dict[str, str | int]] = {
    # Prepared statements of the protocol, which most drivers use unasked. 200 is the default from 1.24 on.
    (1, 21, 0): {"max_prepared_statements": 200},
}
"""What older versions refuse to start with, by the first that knows it."""
_CLIENTS_OF_AN_ENTRY = (1, 24, 0)


def list_parameters(pooler: PoolerSettings, version: Version, *, console_user: str) -> dict[str, str | int]:
    """The parameters by name, without the ways to the other files: those alone that `version` knows."""
    parameters: dict[str, str | int] = {
        "listen_addr": pooler.listen_address,
        "listen_port": pooler.port,
        "unix_socket_dir": str(pooler.socket_dir),
        "auth_type": "hba",
        "admin_users": console_user,
        "pool_mode": "transaction",
        "max_client_conn": pooler.max_client_connections,
        # A client waits this long for a server connection, then hears why. The default, 120, outlasts most callers.
        "query_wait_timeout": 30,
        # After a refused server login the whole pool is shut for this long: a login that came a moment before
        # its project was there must not cost the next 15 seconds (the default).
        "server_login_retry": 1,
        # Idle server connections count against the tenant's limit, which direct sessions share, and against the
        # cluster's, which all tenants share: plans are ceilings, and a quiet project is to cost none.
        "server_idle_timeout": max(1, int(pooler.server_idle_timeout.total_seconds())),
        # Drivers send it, and it changes nothing between a query and its answer. `options` is not ignored on
        # purpose: a statement_timeout in it would be dropped without a word.
        "ignore_startup_parameters": "extra_float_digits",
        "log_connections": 0,
        "log_disconnections": 0,
        **_tls(pooler),
    }
    for first, more in _SINCE.items():
        if version >= first:
            parameters |= more
    return parameters


def list_entry_parameters(entry: PoolerEntry, pooler: PoolerSettings, version: Version) -> dict[str, int]:
    """The limits of one entry by name. What an older version does not know, it does not limit."""
    parameters = {
        # Per pair of user and database; the other one holds for all users together.
        "pool_size": entry.pool_size,
        "max_db_connections": entry.pool_size,
    }
    if version >= _CLIENTS_OF_AN_ENTRY:
        # Or one tenant could take all clients that the pooler has room for.
        parameters["max_db_client_connections"] = entry.pool_size * pooler.clients_per_server_connection
    return parameters


def _tls(pooler: PoolerSettings) -> dict[str, str | int]:
    """TLS towards clients. Towards the cluster there is a Unix socket."""
    if pooler.tls_certificate_file is None:
        return {}
    return {
        # Without it, a client that does not ask for TLS would send everything in plain text, whatever its URL says.
        "client_tls_sslmode": "require",
        "client_tls_cert_file": str(pooler.tls_certificate_file),
        "client_tls_key_file": str(pooler.tls_key_file),
        # TLS 1.2 and 1.3 are the default of all versions. Under 1.2 these: 1.18 would take 3DES, too.
        "client_tls_ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20",
    }
