"""One defence each that is taken away from a running stack, and the row that must find it."""

from dataclasses import dataclass

_POOLER_INI = "pgbouncer.ini"


@dataclass(frozen=True)
class Mutation:
    """What an administrator, or a defect of ours, might do."""

    name: str
    row: str
    """The attempt that must fail."""
    sql: tuple[str, ...] = ()
    """Statements as the administrator, in `database`; `{own}`, `{victim}` and so on are names."""
    database: str = "postgres"
    undo: tuple[str, ...] = ()
    pooler: tuple[str, str, str] | None = None
    """A file of the pooler's, what stands in it, and what then stands there instead."""
    besides: tuple[str, str, str] | None = None
    """The same, done before the row is tried for the first time: another defence in front, which hides this one."""
    hba: tuple[str, str] | None = None
    """What stands in the server's pg_hba.conf, and what then stands there instead."""
    since: int = 0


CLUSTER = (
    Mutation("PUBLIC may connect to postgres", "postgres", ("GRANT CONNECT ON DATABASE postgres TO PUBLIC",),
             undo=("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",)),
    Mutation("PUBLIC may connect to template1", "template1", ("GRANT CONNECT ON DATABASE template1 TO PUBLIC",),
             undo=("REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",)),
    Mutation("PUBLIC may connect to the ledger", "ledger", ("GRANT CONNECT ON DATABASE capyd TO PUBLIC",),
             undo=("REVOKE CONNECT ON DATABASE capyd FROM PUBLIC",)),
    Mutation("PUBLIC may connect to a tenant's database", "victim_database",
             ("GRANT CONNECT ON DATABASE {victim} TO PUBLIC",)),
    Mutation("a spare has no limit", "spare", ("ALTER DATABASE {spare} CONNECTION LIMIT -1",
                                              "GRANT CONNECT ON DATABASE {spare} TO PUBLIC"),
             undo=("REVOKE CONNECT ON DATABASE {spare} FROM PUBLIC", "ALTER DATABASE {spare} CONNECTION LIMIT 0")),
    Mutation("the template takes connections", "template", ("ALTER DATABASE {template} ALLOW_CONNECTIONS true",),
             undo=("ALTER DATABASE {template} ALLOW_CONNECTIONS false",)),
    Mutation("the tenant owns its database", "lift_database_limit", ("ALTER DATABASE {own} OWNER TO {owner}",)),
    Mutation("the tenant owns its database, and may plant a search_path", "plant_search_path_on_database",
             ("ALTER DATABASE {own} OWNER TO {owner}",)),
    Mutation("the tenant may grant on its database", "let_victim_into_own_database",
             ("GRANT CONNECT ON DATABASE {own} TO {owner} WITH GRANT OPTION",)),
    Mutation("everybody may create in public", "others_in_own_schema", ("GRANT CREATE ON SCHEMA public TO PUBLIC",),
             database="{own}"),
)  # fmt: skip

ROLES = (
    Mutation("the login has no limit", "role_limit_is_set", ("ALTER ROLE {own} CONNECTION LIMIT -1",)),
    Mutation("the database has no limit", "database_limit_is_set", ("ALTER DATABASE {own} CONNECTION LIMIT -1",)),
    Mutation("neither has a limit", "exhaust_connections",
             ("ALTER ROLE {own} CONNECTION LIMIT -1", "ALTER DATABASE {own} CONNECTION LIMIT -1")),
    Mutation("membership with ADMIN OPTION", "hand_on_owner_role", ("GRANT {owner} TO {own} WITH ADMIN OPTION",)),
    Mutation("membership in a neighbour's role", "set_role_victim_owner", ("GRANT {victim_owner} TO {own}",)),
    Mutation("the login is a superuser", "no_attributes", ("ALTER ROLE {own} SUPERUSER",)),
    Mutation("the owner role is a superuser", "alter_system", ("ALTER ROLE {owner} SUPERUSER",),
             undo=("ALTER ROLE {owner} NOSUPERUSER", "ALTER SYSTEM RESET log_min_error_statement")),
    Mutation("the owner role has CREATEROLE", "create_role", ("ALTER ROLE {owner} CREATEROLE",),
             undo=("DROP ROLE IF EXISTS capy_{token}",)),
    Mutation("the owner role has CREATEDB", "create_database", ("ALTER ROLE {owner} CREATEDB",),
             undo=("DROP DATABASE IF EXISTS capy_{token}",)),
    Mutation("the login has REPLICATION", "replication_database", ("ALTER ROLE {own} REPLICATION",)),
    Mutation("the owner role may log in", "login_as_owner_role_with_password", ("ALTER ROLE {owner} LOGIN",)),
    Mutation("no temp_file_limit", "temp_file_limit_is_set", ("ALTER ROLE {own} RESET temp_file_limit",)),
    Mutation("tenants may set a superuser's parameter", "set_log_statement",
             ("GRANT SET ON PARAMETER log_statement TO PUBLIC",), undo=("REVOKE SET ON PARAMETER log_statement FROM PUBLIC",)),
    Mutation("a comment on a role", "comments_on_shared_objects", ("COMMENT ON ROLE {victim} IS 'prj_1'",)),
    Mutation("pg_execute_server_program", "copy_from_program", ("GRANT pg_execute_server_program TO {owner}",)),
    Mutation("pg_read_server_files", "copy_from_file", ("GRANT pg_read_server_files TO {owner}",)),
    Mutation("pg_signal_backend", "end_victims_session", ("GRANT pg_signal_backend TO {owner}",)),
    Mutation("pg_read_all_stats", "statement_of_victim", ("GRANT pg_read_all_stats TO {owner}",)),
    Mutation("pg_create_subscription", "only_own_memberships", ("GRANT pg_create_subscription TO {owner}",), since=16),
)  # fmt: skip

INSIDE = (
    Mutation("a function that reads files", "read_file_of_cluster", ("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC",),
             database="{own}"),
    Mutation("the verifiers can be read", "password_verifiers", ("GRANT SELECT ON pg_authid TO PUBLIC",), database="{own}"),
    Mutation("pg_catalog can be written to", "function_in_pg_catalog", ("GRANT CREATE ON SCHEMA pg_catalog TO PUBLIC",),
             database="{own}"),
    Mutation("a superuser's function without a search_path", "superusers_functions_with_own_search_path",
             ("CREATE FUNCTION public.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",), database="{own}"),
    Mutation("a foreign data wrapper for everybody", "foreign_server",
             ("CREATE FOREIGN DATA WRAPPER postgres_fdw", "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO PUBLIC"),
             database="{own}"),
    Mutation("an extension of the tenant's that was the administrator's", "add_to_administrators_extension",
             ("UPDATE pg_extension SET extowner = '{owner}'::regrole WHERE extname = 'plpgsql'",), database="{own}"),
    Mutation("a language of the tenant's own", "no_untrusted_language",
             ("UPDATE pg_language SET lanpltrusted = false WHERE lanname = 'plpgsql'",), database="{own}"),
)  # fmt: skip

DOORS = (
    Mutation("the server takes the administrator over TCP", "as_administrator", hba=("host    all          capyd  all  reject\n", "")),
    Mutation("the server takes replication", "replication_physical",
             hba=("host    replication  all  all  reject", "host    replication  all  all  scram-sha-256")),
    Mutation("the server trusts", "as_victim", hba=("all          all  all  scram-sha-256", "all          all  all  trust")),
    Mutation("the pooler's pairs are widened", "victim_database",
             pooler=("hba.conf", "host {own} {own} 0.0.0.0/0 scram-sha-256", "host all all 0.0.0.0/0 scram-sha-256")),
    Mutation("the pooler forces a user", "no_attributes",
             pooler=("databases.ini", "{own} = ", "{own} = user={victim} ")),
    Mutation("the pooler swallows options", "options_statement_timeout_pooled",
             pooler=(_POOLER_INI, "ignore_startup_parameters = ", "ignore_startup_parameters = options,")),
    Mutation("the pooler trusts", "as_victim",
             pooler=("hba.conf", "local pgbouncer", "host all all 0.0.0.0/0 trust\nlocal pgbouncer")),
    Mutation("the pooler's console is open", "console",
             besides=("hba.conf", "local pgbouncer", "host pgbouncer {own} 0.0.0.0/0 scram-sha-256\nlocal pgbouncer"),
             pooler=(_POOLER_INI, "admin_users = ", "admin_users = {own}, ")),
    Mutation("the pooler's figures are for everybody", "console",
             besides=("hba.conf", "local pgbouncer", "host pgbouncer {own} 0.0.0.0/0 scram-sha-256\nlocal pgbouncer"),
             pooler=(_POOLER_INI, "admin_users = ", "stats_users = {own}\nadmin_users = ")),
    Mutation("the pooler has a wildcard entry", "wildcard_entry",
             besides=("hba.conf", "local pgbouncer", "host all {own} 0.0.0.0/0 scram-sha-256\nlocal pgbouncer"),
             pooler=("databases.ini", "[databases]", "[databases]\n* = host={socket_dir} port={port}")),
)  # fmt: skip

ALL = (*CLUSTER, *ROLES, *INSIDE, *DOORS)

HANDFUL = (
    "PUBLIC may connect to postgres",
    "the tenant owns its database",
    "the login has no limit",
    "membership with ADMIN OPTION",
    "no temp_file_limit",
    "pg_read_server_files",
    "the pooler's pairs are widened",
    "the pooler forces a user",
)
"""Those of a normal run."""
