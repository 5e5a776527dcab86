"""Other databases: another tenant's, the administrator's, the ledger, spares, templates."""

from capyd.attack.attempt import DIRECT, Category
from capyd.attack.expectation import Refusal
from capyd.attack.logins import login

_SHUT = "permission denied for database"
_NO_SESSIONS = "is not currently accepting connections"
_PASSWORD = "password authentication failed"  # noqa: S105  (the server's words)
_REVOKED = "CONNECT is revoked from PUBLIC and granted to the database's own tenant"
_PAIRS = "pg_hba.conf lets the administrator in over the Unix socket alone"
_LOGINS = "facts §11; PostgreSQL manual, Client Authentication"

DATABASES = Category(
    "databases",
    "other databases, by the tenant's own login",
    (
        login("victim_database", {"dbname": "{victim}"}, server_says=_SHUT, held_by=_REVOKED, source="facts §0, §11"),
        login("postgres", {"dbname": "postgres"}, server_says=_SHUT, held_by=_REVOKED, source="facts §9"),
        login("template1", {"dbname": "template1"}, server_says=_SHUT, held_by=_REVOKED, source="facts §9"),
        login("template0", {"dbname": "template0"}, server_says=_NO_SESSIONS, held_by="initdb", source="facts §1"),
        login("ledger", {"dbname": "{ledger}"}, server_says=_SHUT, held_by=_REVOKED, source="facts §9"),
        login("spare", {"dbname": "{spare}"}, server_says=_SHUT, held_by=_REVOKED, source="facts §12"),
        login(
            "template", {"dbname": "{template}"}, server_says=_NO_SESSIONS, held_by="ALLOW_CONNECTIONS false",
            source="facts §1",
        ),
    ),
)  # fmt: skip

ROLE_LOGINS = Category(
    "role logins",
    "other roles, by the tenant's own password",
    (
        login("as_victim", {"user": "{victim}", "dbname": "{victim}"}, server_says=_PASSWORD, held_by="SCRAM",
              source=_LOGINS, pooler_says=Refusal(words=("password authentication failed", "SASL authentication failed"))),
        login("as_victim_in_own_database", {"user": "{victim}"}, server_says=_PASSWORD, held_by="SCRAM",
              source="facts §11: forced user"),
        login("as_own_owner_role", {"user": "{owner}"}, server_says=_PASSWORD, held_by="NOLOGIN, no password",
              source=_LOGINS),
        login("as_victim_owner_role", {"user": "{victim_owner}", "dbname": "{victim}"}, server_says=_PASSWORD,
              held_by="NOLOGIN, no password", source=_LOGINS),
        login("as_administrator", {"user": "{admin}"}, server_says="pg_hba.conf rejects", held_by=_PAIRS,
              source=_LOGINS),
        login("as_administrator_in_postgres", {"user": "{admin}", "dbname": "postgres"},
              server_says="pg_hba.conf rejects", held_by=_PAIRS, source=_LOGINS),
        login("as_administrator_without_password", {"user": "{admin}", "password": ""},
              server_says="pg_hba.conf rejects", held_by=_PAIRS, source=_LOGINS),
        login("as_platform_role", {"user": "{platform}", "dbname": "{ledger}"}, server_says=_PASSWORD,
              held_by="NOLOGIN, no password", source=_LOGINS),
        login("as_spare", {"user": "{spare}", "dbname": "{spare}"}, server_says=_PASSWORD, held_by="SCRAM, NOLOGIN",
              source="facts §12", pooler_says=Refusal(words=("password authentication failed", "SASL authentication failed"))),
        login("as_predefined_role", {"user": "pg_read_all_data"}, server_says=_PASSWORD, held_by="NOLOGIN",
              source=_LOGINS),
        login("as_console_user", {"user": "capyd_console"}, server_says=_PASSWORD, held_by="no such role",
              source="facts §11"),
    ),
)  # fmt: skip

FORCED_SETTINGS = Category(
    "startup packet",
    "what a client may ask for before it is in",
    (
        login("options_role", {"options": "-c role={victim}"}, server_says=("permission denied to set role",),
              held_by="no membership", source="PostgreSQL manual, SET ROLE", doors=DIRECT),
        login("options_session_authorization", {"options": "-c session_authorization={admin}"},
              server_says=("permission denied to set session authorization",), held_by="not a superuser",
              source="PostgreSQL manual, SET SESSION AUTHORIZATION", doors=DIRECT),
        login("options_temp_file_limit", {"options": "-c temp_file_limit=-1"}, server_says="permission denied to set parameter",
              held_by="a superuser's parameter", source="facts §4", doors=DIRECT),
        login("options_preload", {"options": "-c session_preload_libraries=/tmp/evil"},
              server_says="permission denied to set parameter", held_by="a superuser's parameter", source="facts §4",
              doors=DIRECT),
        login("options_local_preload", {"options": "-c local_preload_libraries=/tmp/evil"},
              server_says=("is not allowed", "could not access file"), held_by="only $libdir/plugins is searched",
              source="PostgreSQL manual, Shared Library Preloading", doors=DIRECT),
        login("replication_database", {"replication": "database"},
              server_says=("must be superuser or replication role", "permission denied to start WAL sender"),
              held_by="NOREPLICATION", source="PostgreSQL manual, Streaming Replication Protocol",
              pooler_says=Refusal(words=("unsupported startup parameter", "must be superuser or replication role",
                                         "permission denied to start WAL sender", "login rejected", "login failed"))),
        login("replication_physical", {"replication": "true"}, server_says=("pg_hba.conf rejects replication", "pg_hba.conf rejects"),
              held_by="pg_hba.conf rejects replication", source="PostgreSQL manual, Streaming Replication Protocol",
              pooler_says=Refusal(words=("unsupported startup parameter", "login rejected", "no authentication method",
                                         "pg_hba.conf rejects"))),
    ),
)  # fmt: skip
