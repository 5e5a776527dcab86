"""What can be read about others: refused where PostgreSQL can refuse it, and told honestly where it cannot."""

from capyd.attack.attempt import Attempt, Category
from capyd.attack.sql import forbidden, harmless

_REVOKED = "no privilege on the view or column"
_MANUAL = "PostgreSQL manual, System Views"
_VISIBLE = "What tenants can see"
_SHOWN = "opaque names; nothing secret is kept where it can be read"


def _hidden(name: str, query: str, source: str = _MANUAL, since: int = 0) -> Attempt:
    return forbidden(name, query, held_by=_REVOKED, source=source, since=since)


def _visible(name: str, query: str, source: str) -> Attempt:
    return harmless(name, (), shows=query, answer="True", held_by=_SHOWN, source=source, unbound=_VISIBLE)


CATALOGS = Category(
    "catalogs",
    "what can be read about others and the server",
    (
        _hidden("password_verifiers", "SELECT rolpassword FROM pg_authid", "facts §8"),
        _hidden("shadow", "SELECT passwd FROM pg_shadow", "facts §8"),
        _hidden("user_mappings", "SELECT umoptions FROM pg_user_mapping", "CVE-2017-7486"),
        _hidden("subscription_secrets", "SELECT subconninfo FROM pg_subscription", "PostgreSQL manual, pg_subscription"),
        _hidden("statistics_of_all", "SELECT stavalues1 FROM pg_statistic", "CVE-2017-7484"),
        _hidden("hba_rules", "SELECT * FROM pg_hba_file_rules"),
        _hidden("ident_rules", "SELECT * FROM pg_ident_file_mappings"),
        _hidden("configuration_files", "SELECT * FROM pg_file_settings"),
        _hidden("shared_memory", "SELECT * FROM pg_shmem_allocations"),
        _hidden("backend_memory", "SELECT * FROM pg_backend_memory_contexts"),
        _hidden("build_configuration", "SELECT * FROM pg_config"),
        _hidden("large_object_pages", "SELECT * FROM pg_largeobject"),
        _hidden("replication_origins", "SELECT * FROM pg_replication_origin_status"),
        _hidden("data_directory", "SHOW data_directory"),
        _hidden("hba_file", "SELECT current_setting('hba_file')"),
        _hidden("size_of_victims_database", "SELECT pg_database_size('{victim}')", "facts §10"),
        _hidden("size_of_global_tablespace", "SELECT pg_tablespace_size('pg_global')", "facts §10"),
        _hidden("log_memory_of_backend", "SELECT pg_log_backend_memory_contexts(pg_backend_pid())",
                "PostgreSQL manual, Server Signaling Functions"),
        _hidden("connection_information", "SELECT * FROM pg_stat_get_wal_receiver() AS r WHERE pg_read_file('x') = ''"),
        harmless("comments_on_shared_objects", (), shows=
                 "SELECT count(*) FROM pg_shdescription WHERE classoid IN ('pg_authid'::regclass, 'pg_database'::regclass)"
                 " AND description NOT IN ('default administrative connection database', 'default template for new databases',"
                 " 'unmodifiable empty database')",
                 answer="0", held_by="capyd keeps its notes in the ledger", source="facts §3, §12"),
        harmless("password_in_role_settings", (), shows=
                 "SELECT count(*) FROM pg_db_role_setting WHERE array_to_string(setconfig, ',') ~* 'password|secret|SCRAM'",
                 answer="0", held_by="no secret is a setting", source="facts §8"),
        harmless("addresses_of_others", (), shows=
                 "SELECT count(client_addr) FROM pg_stat_activity WHERE datname = '{victim}'",
                 answer="0", held_by="no pg_read_all_stats", source=_MANUAL),
        _visible("names_of_databases", "SELECT count(*) = 1 FROM pg_database WHERE datname = '{victim}'", "facts §1"),
        _visible("names_of_roles", "SELECT count(*) = 2 FROM pg_roles WHERE rolname IN ('{victim}', '{victim_owner}')",
                 "facts §1"),
        _visible("settings_of_roles", "SELECT count(*) > 0 FROM pg_db_role_setting AS s JOIN pg_roles AS r ON r.oid = s.setrole"
                 " WHERE r.rolname = '{victim}'", "PostgreSQL manual, pg_db_role_setting"),
        _visible("memberships", "SELECT count(*) = 1 FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member"
                 " WHERE r.rolname = '{victim}'", "PostgreSQL manual, pg_auth_members"),
        _visible("sessions_of_others", "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '{victim}'",
                 "PostgreSQL manual, pg_stat_activity"),
        _visible("activity_counters", "SELECT xact_commit > 0 FROM pg_stat_database WHERE datname = '{victim}'",
                 "facts §10"),
        _visible("locks_of_others", "SELECT count(*) >= 0 FROM pg_locks", "PostgreSQL manual, pg_locks"),
        _visible("prepared_transactions", "SELECT count(*) >= 0 FROM pg_prepared_xacts", "PostgreSQL manual, pg_prepared_xacts"),
        _visible("replication_slots", "SELECT count(*) >= 0 FROM pg_replication_slots", "PostgreSQL manual, pg_replication_slots"),
        _visible("size_of_all_together", "SELECT pg_tablespace_size('pg_default') > 0", "facts §10"),
        _visible("most_parameters", "SELECT count(*) > 100 FROM pg_settings", "PostgreSQL manual, pg_settings"),
        _visible("wal_position", "SELECT pg_current_wal_lsn() IS NOT NULL", "PostgreSQL manual, Backup Control Functions"),
    ),
)  # fmt: skip
