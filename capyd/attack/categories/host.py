"""The host: its files, its programs, code in the server's process, the server's own settings."""

from capyd.attack.attempt import Attempt, Category
from capyd.attack.expectation import Answer, Either, Refusal, sqlstate
from capyd.attack.sql import forbidden, harmless

_NO_ROLE = "a superuser's, or a predefined role's that no tenant has"
_REVOKED = "EXECUTE is a superuser's"
_SUPERUSER_PARAMETER = "a superuser's parameter"
_FILES = "facts §7; PostgreSQL manual, COPY"
_FUNCTIONS = "PostgreSQL manual, System Administration Functions"
_NOT_THERE = frozenset({"42501", "42883", "42704", "0A000", "58P01"})
"""Refused, or not even there, by version and build."""


def _call(name: str, call: str, *, expects: Refusal | None = None, since: int = 0) -> Attempt:
    return forbidden(
        name, f"SELECT {call}", held_by=_REVOKED, source=_FUNCTIONS, since=since, expects=expects or sqlstate("42501")
    )


def _parameter(name: str, setting: str) -> Attempt:
    return forbidden(name, f"SET {setting}", held_by=_SUPERUSER_PARAMETER, source="facts §4")


FILES = Category(
    "files and programs",
    "the server's files, and programs run as its user",
    (
        forbidden("copy_from_program", "COPY capy_t_{token} FROM PROGRAM 'true'", held_by=_NO_ROLE,
                  source="CVE-2019-9193", prepare=("CREATE TEMPORARY TABLE capy_t_{token} (t text)",)),
        forbidden("copy_to_program", "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'", held_by=_NO_ROLE,
                  source="CVE-2019-9193"),
        forbidden("copy_from_file", "COPY capy_t_{token} FROM '/etc/passwd'", held_by=_NO_ROLE, source=_FILES,
                  prepare=("CREATE TEMPORARY TABLE capy_t_{token} (t text)",)),
        forbidden("copy_to_file", "COPY (SELECT 1) TO '/tmp/capy_{token}'", held_by=_NO_ROLE, source=_FILES),
        _call("read_file", "pg_read_file('/etc/passwd')"),
        _call("read_file_of_cluster", "pg_read_file('postgresql.auto.conf')"),
        _call("read_binary_file", "pg_read_binary_file('PG_VERSION')"),
        _call("stat_file", "size FROM pg_stat_file('PG_VERSION')"),
        _call("list_directory", "pg_ls_dir('.')"),
        _call("list_log", "name FROM pg_ls_logdir()"),
        _call("list_wal", "name FROM pg_ls_waldir()"),
        _call("list_archive_status", "name FROM pg_ls_archive_statusdir()"),
        _call("list_temporary", "name FROM pg_ls_tmpdir()"),
        _call("list_logical_snapshots", "name FROM pg_ls_logicalsnapdir()"),
        _call("list_logical_mappings", "name FROM pg_ls_logicalmapdir()"),
        _call("list_slot_files", "name FROM pg_ls_replslotdir('x')"),
        _call("current_log", "pg_current_logfile()"),
        _call("import_large_object", "lo_import('/etc/passwd')"),
        _call("export_large_object", "lo_export(1, '/tmp/capy_{token}')"),
        _call("write_file", "pg_file_write('capy_{token}', 'x', false)", expects=Refusal(_NOT_THERE)),
        forbidden("create_tablespace", "CREATE TABLESPACE capy_{token} LOCATION '/tmp'", held_by="not a superuser",
                  source="facts §5"),
        forbidden("use_global_tablespace", "CREATE TABLE capy_t_{token} (t text) TABLESPACE pg_global",
                  held_by="no privilege on the tablespace", source="PostgreSQL manual, Tablespaces",
                  expects=Either((sqlstate("42501"), sqlstate("22023")))),
        forbidden("external_xml_entity", "SELECT xmlparse(DOCUMENT '<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
                  "<a>&x;</a>')::text LIKE '%root:%'", held_by="the server loads no external entities", source="CVE-2012-3489",
                  expects=Either((Answer("False"), sqlstate("2200M", "0A000")))),
    ),
)  # fmt: skip

CODE = Category(
    "code in the server",
    "native code, languages, and objects that a superuser's session would use",
    (
        forbidden("load_library", "LOAD 'pg_stat_statements'", held_by="only $libdir/plugins may be loaded",
                  source="PostgreSQL manual, LOAD"),
        forbidden("load_by_path", "LOAD '/tmp/evil'", held_by="only $libdir/plugins may be loaded",
                  source="PostgreSQL manual, LOAD"),
        forbidden("load_plugin", "LOAD '$libdir/plugins/../pg_stat_statements'", held_by="no way up from plugins",
                  source="PostgreSQL manual, LOAD"),
        forbidden("function_in_c", "CREATE FUNCTION capy_{token}() RETURNS int LANGUAGE c AS '/lib/libc.so.6', 'getpid'",
                  held_by="C is not a trusted language", source="PostgreSQL manual, CREATE FUNCTION"),
        forbidden("function_in_internal", "CREATE FUNCTION capy_{token}(text) RETURNS text LANGUAGE internal AS 'pg_read_file_all'",
                  held_by="not a trusted language", source="PostgreSQL manual, CREATE FUNCTION"),
        *(
            forbidden(f"language_{language}", f"CREATE EXTENSION {language}", held_by="not a trusted extension",
                      source="facts §7", expects=Refusal(_NOT_THERE))
            for language in ("plpython3u", "plperlu", "pltclu")
        ),
        forbidden("create_language", "CREATE LANGUAGE capy_{token} HANDLER plpgsql_call_handler",
                  held_by="not a superuser", source="PostgreSQL manual, CREATE LANGUAGE"),
        forbidden("trust_language", "UPDATE pg_language SET lanpltrusted = true", held_by="no privilege on the catalog",
                  source="PostgreSQL manual, System Catalogs"),
        forbidden("write_to_catalog", "UPDATE pg_authid SET rolsuper = true WHERE rolname = '{own}'",
                  held_by="no privilege on the catalog", source="PostgreSQL manual, System Catalogs"),
        forbidden("write_to_databases", "UPDATE pg_database SET datconnlimit = -1", held_by="no privilege on the catalog",
                  source="PostgreSQL manual, System Catalogs"),
        forbidden("function_in_pg_catalog", "CREATE FUNCTION pg_catalog.capy_{token}() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                  held_by="no privilege on pg_catalog", source="CVE-2018-1058"),
        forbidden("replace_builtin", "CREATE OR REPLACE FUNCTION pg_catalog.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'",
                  held_by="no privilege on pg_catalog", source="CVE-2018-1058"),
        forbidden("operator_in_pg_catalog", "CREATE OPERATOR pg_catalog.=== (LEFTARG = name, RIGHTARG = text, FUNCTION = nameeqtext)",
                  held_by="no privilege on pg_catalog", source="facts §7"),
        forbidden("reserved_schema", "CREATE SCHEMA pg_{token}", held_by="the prefix is reserved", source="facts §7",
                  expects=sqlstate("42939")),
        forbidden("event_trigger", "CREATE EVENT TRIGGER capy_{token} ON ddl_command_end EXECUTE FUNCTION capy_e_{token}()",
                  prepare=("CREATE FUNCTION capy_e_{token}() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",),
                  held_by="not a superuser", source="PostgreSQL manual, CREATE EVENT TRIGGER"),
        forbidden("binary_cast", "CREATE CAST (capy_d_{token} AS int4) WITHOUT FUNCTION AS IMPLICIT",
                  prepare=("CREATE TYPE capy_d_{token} AS ENUM ('a')",),
                  held_by="not a superuser", source="PostgreSQL manual, CREATE CAST"),
        forbidden("cast_between_builtins", "CREATE CAST (name AS int4) WITH INOUT AS IMPLICIT",
                  held_by="must own one of the types", source="facts §7"),
        forbidden("operator_class", "CREATE OPERATOR CLASS capy_{token} DEFAULT FOR TYPE text USING btree AS STORAGE text",
                  held_by="not a superuser", source="PostgreSQL manual, CREATE OPERATOR CLASS"),
        forbidden("access_method", "CREATE ACCESS METHOD capy_{token} TYPE TABLE HANDLER heap_tableam_handler",
                  held_by="not a superuser", source="PostgreSQL manual, CREATE ACCESS METHOD"),
        forbidden("base_type", "CREATE TYPE capy_{token} (INPUT = int4in, OUTPUT = int4out)",
                  held_by="not a superuser", source="CVE-2021-32027; PostgreSQL manual, CREATE TYPE",
                  expects=Either((sqlstate("42501"), sqlstate("42710")))),
        forbidden("leakproof_function", "CREATE FUNCTION capy_{token}() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'",
                  held_by="not a superuser", source="PostgreSQL manual, CREATE FUNCTION"),
        forbidden("conversion", "CREATE DEFAULT CONVERSION capy_{token} FOR 'LATIN1' TO 'UTF8' FROM pg_backup_stop",
                  held_by="no fitting function may be executed", source="PostgreSQL manual, CREATE CONVERSION",
                  expects=Either((sqlstate("42501"), sqlstate("42883")))),
        harmless("superusers_functions_with_own_search_path", (), shows=
                 "SELECT count(*) FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner WHERE p.prosecdef AND r.rolsuper"
                 " AND NOT coalesce(array_to_string(p.proconfig, ',') LIKE '%search_path=%', false)",
                 answer="0", held_by="each SECURITY DEFINER function of the administrator's pins its search_path",
                 source="CVE-2007-2138; PostgreSQL manual, Writing SECURITY DEFINER Functions Safely"),
    ),
)  # fmt: skip

SERVER = Category(
    "the server's settings",
    "parameters and functions that hold for everybody",
    (
        forbidden("alter_system", "ALTER SYSTEM SET log_min_error_statement = 'error'", held_by="not a superuser",
                  source="PostgreSQL manual, ALTER SYSTEM"),
        forbidden("alter_system_reset", "ALTER SYSTEM RESET log_min_error_statement", held_by="not a superuser",
                  source="PostgreSQL manual, ALTER SYSTEM"),
        forbidden("checkpoint", "CHECKPOINT", held_by=_NO_ROLE, source="PostgreSQL manual, CHECKPOINT"),
        _call("reload", "pg_reload_conf()"),
        _call("rotate_log", "pg_rotate_logfile()"),
        _call("switch_wal", "pg_switch_wal()"),
        _call("restore_point", "pg_create_restore_point('capy_{token}')"),
        _call("start_backup", "pg_backup_start('capy_{token}')"),
        _call("promote", "pg_promote(false, 1)"),
        _call("reset_shared_statistics", "pg_stat_reset_shared('archiver')"),
        _call("reset_slru_statistics", "pg_stat_reset_slru('Notify')"),
        *(
            _parameter(f"set_{setting.partition(' ')[0]}", setting)
            for setting in (
                "temp_file_limit = -1", "log_statement = 'none'", "log_min_duration_statement = -1",
                "log_min_messages = 'panic'", "session_preload_libraries = 'evil'", "dynamic_library_path = '/tmp'",
                "session_replication_role = 'replica'", "allow_system_table_mods = on", "zero_damaged_pages = on",
                "ignore_checksum_failure = on", "lo_compat_privileges = on", "track_activities = off",
                "update_process_title = off", "deadlock_timeout = '1h'", "jit_provider = 'evil'",
            ) if not setting.startswith("jit")
        ),
        forbidden("set_event_triggers", "SET event_triggers = off", held_by=_SUPERUSER_PARAMETER, source="facts §4",
                  since=17),
        forbidden("set_shared_buffers", "SET shared_buffers = '1GB'", held_by="only at the server's start",
                  source="facts §4", expects=sqlstate("55P02")),
        forbidden("lock_roles", "LOCK TABLE pg_catalog.pg_authid IN ACCESS EXCLUSIVE MODE", held_by="no privilege on the catalog",
                  source="PostgreSQL manual, LOCK", prepare=("SET LOCAL lock_timeout = '1s'",)),
        forbidden("lock_databases", "LOCK TABLE pg_catalog.pg_database IN SHARE MODE", held_by="no privilege on the catalog",
                  source="PostgreSQL manual, LOCK", prepare=("SET LOCAL lock_timeout = '1s'",)),
        harmless("vacuum_shared_catalog", (), shows="SELECT has_table_privilege('pg_catalog.pg_authid', 'TRUNCATE')",
                 answer="False", held_by="no privilege on the catalog", source="PostgreSQL manual, VACUUM"),
    ),
)  # fmt: skip
