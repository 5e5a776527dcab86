"""The database that a tenant works in and does not own: its limits are not the tenant's to lift."""

from capyd.attack.attempt import Attempt, Category
from capyd.attack.expectation import sqlstate
from capyd.attack.sql import forbidden, harmless

_NOT_OWNER = "the platform role owns the database"
_SOURCE = "facts §4; PostgreSQL manual, ALTER DATABASE"


def _alter(name: str, clause: str, *, database: str = "own", source: str = _SOURCE) -> Attempt:
    return forbidden(name, f"ALTER DATABASE {{{database}}} {clause}", held_by=_NOT_OWNER, source=source)


OWN_DATABASE = Category(
    "databases, from inside",
    "the tenant's own database and others, as objects",
    (
        _alter("lift_database_limit", "CONNECTION LIMIT -1"),
        _alter("rename_database", "RENAME TO capy_{token}"),
        _alter("own_database", "OWNER TO {own}"),
        _alter("plant_search_path_on_database", "SET search_path = public, pg_catalog",
               source="facts §7; CVE-2018-1058, CVE-2026-55769"),
        _alter("plant_preload_on_database", "SET session_preload_libraries = 'evil'"),
        _alter("reset_database", "RESET ALL"),
        _alter("mark_as_template", "IS_TEMPLATE true", source="facts §2"),
        _alter("refuse_connections", "ALLOW_CONNECTIONS false", source="facts §2"),
        _alter("move_database", "SET TABLESPACE pg_default"),
        _alter("victims_database_limit", "CONNECTION LIMIT 0", database="victim"),
        _alter("victims_database_settings", "SET search_path = evil", database="victim"),
        _alter("victims_database_refresh", "REFRESH COLLATION VERSION", database="victim"),
        forbidden("drop_own_database", "DROP DATABASE {own}", held_by=_NOT_OWNER, source="facts §2"),
        forbidden("drop_victims_database", "DROP DATABASE {victim}", held_by=_NOT_OWNER, source="facts §2"),
        forbidden("drop_victims_database_by_force", "DROP DATABASE {victim} WITH (FORCE)", held_by=_NOT_OWNER,
                  source="facts §2"),
        forbidden("create_database", "CREATE DATABASE capy_{token}", held_by="NOCREATEDB", source="facts §1"),
        forbidden("clone_victims_database", "CREATE DATABASE capy_{token} TEMPLATE {victim}", held_by="NOCREATEDB",
                  source="facts §1"),
        forbidden("comment_on_database", "COMMENT ON DATABASE {own} IS 'x'", held_by=_NOT_OWNER, source="facts §3"),
        forbidden("security_label_on_database", "SECURITY LABEL ON DATABASE {own} IS 'x'", held_by="no label provider",
                  source="PostgreSQL manual, SECURITY LABEL", expects=sqlstate("22023")),
        harmless("let_victim_into_own_database", ("GRANT CONNECT ON DATABASE {own} TO {victim}",),
                 shows="SELECT has_database_privilege('{victim}', '{own}', 'CONNECT')", answer="False",
                 held_by="no grant option: GRANT does nothing, with a warning", source="facts §9"),
        harmless("let_everybody_into_own_database", ("GRANT ALL ON DATABASE {own} TO PUBLIC",),
                 shows="SELECT has_database_privilege('{victim}', '{own}', 'CONNECT')", answer="False",
                 held_by="no grant option: GRANT does nothing, with a warning", source="facts §9"),
        harmless("privileges_on_other_databases", (), shows=
                 "SELECT count(*) FROM pg_database WHERE datname <> current_database()"
                 " AND (has_database_privilege(session_user, oid, 'CREATE')"
                 " OR datallowconn AND has_database_privilege(session_user, oid, 'CONNECT'))",
                 answer="0", held_by="CONNECT is revoked from PUBLIC", source="facts §1, §9"),
        harmless("others_in_own_schema", (), shows=
                 "SELECT has_schema_privilege('{victim}', 'public', 'CREATE')", answer="False",
                 held_by="CREATE on public is revoked from PUBLIC in the template", source="facts §9; CVE-2018-1058"),
        harmless("owns_no_database", (), shows=
                 "SELECT count(*) FROM pg_database WHERE pg_has_role(session_user, datdba, 'MEMBER')",
                 answer="0", held_by=_NOT_OWNER, source="facts §4"),
    ),
)  # fmt: skip
