"""Other roles, from inside: becoming one, being granted one, making or changing one."""

from capyd.attack.attempt import Attempt, Category
from capyd.attack.expectation import NOT_PERMITTED, Either, sqlstate
from capyd.attack.sql import forbidden, harmless

_NO_MEMBERSHIP = "a tenant is a member of its own owner role alone"
_NO_ADMIN_OPTION = "no membership has ADMIN OPTION"
_NO_CREATEROLE = "NOCREATEROLE"
_SET_ROLE = "facts §7; PostgreSQL manual, SET ROLE"
_GRANT = "PostgreSQL manual, GRANT; CVE-2024-0985"
_ALTER_ROLE = "facts §3; PostgreSQL manual, ALTER ROLE"

_AS_LOGIN = ("SET LOCAL ROLE NONE",)
"""The session begins as the owner role, which may change the login even less than the login may itself."""
_CANNOT_RENAME = sqlstate("0A000")
"""Before it is asked who may."""

_TARGETS = ("victim", "victim_owner", "admin", "platform", "spare")
# Each with the first major that has it.
_PREDEFINED = {
    "pg_read_all_data": 15, "pg_write_all_data": 15, "pg_read_all_settings": 15, "pg_read_all_stats": 15,
    "pg_stat_scan_tables": 15, "pg_monitor": 15, "pg_database_owner": 15, "pg_signal_backend": 15,
    "pg_read_server_files": 15, "pg_write_server_files": 15, "pg_execute_server_program": 15, "pg_checkpoint": 15,
    "pg_use_reserved_connections": 16, "pg_create_subscription": 16, "pg_maintain": 17,
    "pg_signal_autovacuum_worker": 18,
}  # fmt: skip


def _become(target: str) -> tuple[Attempt, ...]:
    return (
        forbidden(f"set_role_{target}", f"SET ROLE {{{target}}}", held_by=_NO_MEMBERSHIP, source=_SET_ROLE),
        forbidden(
            f"set_config_role_{target}",
            f"SELECT set_config('role', '{{{target}}}', true)",
            held_by=_NO_MEMBERSHIP,
            source=_SET_ROLE,
        ),
        forbidden(
            f"set_session_authorization_{target}",
            f"SET SESSION AUTHORIZATION {{{target}}}",
            held_by="not a superuser",
            source="PostgreSQL manual, SET SESSION AUTHORIZATION",
        ),
        forbidden(f"grant_{target}", f"GRANT {{{target}}} TO {{own}}", held_by=_NO_ADMIN_OPTION, source=_GRANT),
        forbidden(
            f"default_privileges_of_{target}",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {{{target}}} GRANT ALL ON TABLES TO {{own}}",
            held_by=_NO_MEMBERSHIP,
            source="facts §3; PostgreSQL manual, ALTER DEFAULT PRIVILEGES",
        ),
    )


def _predefined(role: str, since: int) -> Attempt:
    return forbidden(
        f"grant_{role}", f"GRANT {role} TO {{own}}", held_by=_NO_ADMIN_OPTION, source=_GRANT, since=since,
        # Nobody can be given the membership of the last.
        expects=Either((NOT_PERMITTED, sqlstate("0LP01", "0A000"))),
    )  # fmt: skip


def _own_attribute(name: str, clause: str) -> Attempt:
    return forbidden(
        f"own_role_{name}", f"ALTER ROLE {{own}} {clause}", prepare=_AS_LOGIN, held_by=_NO_CREATEROLE, source=_ALTER_ROLE
    )  # fmt: skip


ROLES = Category(
    "roles",
    "other roles, from inside",
    (
        *(attempt for target in _TARGETS for attempt in _become(target)),
        *(_predefined(role, since) for role, since in _PREDEFINED.items()),
        forbidden("hand_on_owner_role", "GRANT {owner} TO {victim}", prepare=_AS_LOGIN, held_by=_NO_ADMIN_OPTION, source=_GRANT),
        forbidden(
            "owner_role_admin_option",
            "GRANT {owner} TO {own} WITH ADMIN OPTION",
            held_by=_NO_ADMIN_OPTION,
            source=_GRANT,
        ),
        forbidden(
            "hand_on_own_login", "GRANT {own} TO {victim}", prepare=_AS_LOGIN, held_by=_NO_ADMIN_OPTION,
            source="PostgreSQL 15 release notes: a role's ADMIN OPTION on itself",
        ),
        forbidden("revoke_victims_membership", "REVOKE {victim_owner} FROM {victim}", held_by=_NO_ADMIN_OPTION,
                  source=_GRANT),
        forbidden("create_role", "CREATE ROLE capy_{token}", held_by=_NO_CREATEROLE, source=_ALTER_ROLE),
        forbidden("create_superuser", "CREATE ROLE capy_{token} SUPERUSER LOGIN", held_by=_NO_CREATEROLE,
                  source=_ALTER_ROLE),
        forbidden("drop_victims_login", "DROP ROLE {victim}", held_by=_NO_CREATEROLE, source=_ALTER_ROLE),
        forbidden("drop_own_login", "DROP ROLE {own}", prepare=_AS_LOGIN, held_by=_NO_CREATEROLE, source=_ALTER_ROLE),
        *(
            _own_attribute(name, clause)
            for name, clause in (
                ("superuser", "SUPERUSER"),
                ("createrole", "CREATEROLE"),
                ("createdb", "CREATEDB"),
                ("replication", "REPLICATION"),
                ("bypassrls", "BYPASSRLS"),
                ("connection_limit", "CONNECTION LIMIT -1"),
                ("valid_until", "VALID UNTIL 'infinity'"),
            )
        ),
        forbidden("own_role_rename", "ALTER ROLE {own} RENAME TO capy_{token}", prepare=_AS_LOGIN, held_by=_NO_CREATEROLE, source=_ALTER_ROLE,
                  expects=_CANNOT_RENAME),
        forbidden("owner_role_login", "ALTER ROLE {owner} LOGIN", held_by=_NO_CREATEROLE, source=_ALTER_ROLE),
        forbidden("owner_role_rename", "ALTER ROLE {owner} RENAME TO capy_{token}", held_by=_NO_CREATEROLE,
                  source=_ALTER_ROLE, expects=_CANNOT_RENAME),
        forbidden("victims_password", "ALTER ROLE {victim} PASSWORD 'x'", held_by=_NO_CREATEROLE, source=_ALTER_ROLE),
        forbidden("victims_settings", "ALTER ROLE {victim} SET search_path = evil", held_by=_NO_CREATEROLE,
                  source="facts §7"),
        forbidden("administrators_settings", "ALTER ROLE {admin} SET search_path = evil", held_by=_NO_CREATEROLE,
                  source="facts §7"),
        forbidden("settings_of_all_roles", "ALTER ROLE ALL SET search_path = evil", held_by="not a superuser",
                  source="facts §7"),
        forbidden("settings_of_all_in_database", "ALTER ROLE ALL IN DATABASE {own} SET search_path = evil",
                  held_by="the tenant does not own its database", source="facts §7"),
        forbidden("comment_on_own_role", "COMMENT ON ROLE {own} IS 'x'", prepare=_AS_LOGIN, held_by=_NO_CREATEROLE, source="facts §3"),
        forbidden("comment_on_victims_role", "COMMENT ON ROLE {victim} IS 'x'", held_by=_NO_CREATEROLE,
                  source="facts §3"),
        forbidden("reassign_from_victim", "REASSIGN OWNED BY {victim_owner} TO {own}", held_by=_NO_MEMBERSHIP,
                  source="facts §3"),
        forbidden("reassign_to_victim", "REASSIGN OWNED BY {owner} TO {victim_owner}", held_by=_NO_MEMBERSHIP,
                  source="facts §3"),
        forbidden("reassign_to_administrator", "REASSIGN OWNED BY {owner} TO {admin}", held_by=_NO_MEMBERSHIP,
                  source="facts §3"),
        forbidden("drop_owned_by_victim", "DROP OWNED BY {victim_owner}", held_by=_NO_MEMBERSHIP, source="facts §3"),
        forbidden("give_function_to_administrator", "ALTER FUNCTION capy_f_{token}() OWNER TO {admin}",
                  prepare=("CREATE FUNCTION capy_f_{token}() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",),
                  held_by=_NO_MEMBERSHIP, source="PostgreSQL manual, ALTER FUNCTION"),
        harmless("set_role_none", ("SET LOCAL ROLE NONE",), shows="SELECT current_setting('is_superuser')", answer="off",
                 held_by="the login owns nothing and may nothing", source="facts §12; CVE-2026-44477"),
        harmless("only_own_memberships", (), shows=
                 "SELECT string_agg(rolname, ',') FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER')"
                 " AND rolname NOT IN (session_user, session_user || '_owner')",
                 answer="None", held_by=_NO_MEMBERSHIP, source="facts §3"),
        harmless("no_attributes", (), shows=
                 "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
                 " FROM pg_roles WHERE rolname = session_user",
                 answer="False", held_by="CREATE ROLE without attributes", source="facts §13"),
        harmless("no_admin_option", (), shows=
                 "SELECT count(*) FROM pg_auth_members WHERE admin_option AND pg_has_role(session_user, member, 'MEMBER')",
                 answer="0", held_by=_NO_ADMIN_OPTION, source="facts §3"),
    ),
)  # fmt: skip
