"""Extensions, by the tenant's own hand: trusted ones run their scripts as a superuser."""

from capyd.attack.attempt import Category
from capyd.attack.expectation import Either, Refusal, sqlstate
from capyd.attack.sql import forbidden, harmless

_NOT_OWNER = "the template's extensions are the administrator's"
_QUOTED = 'CREATE SCHEMA "capy\'$_{token}"'

EXTENSIONS = Category(
    "extensions",
    "trusted extensions, whose scripts run as a superuser, created by the tenant",
    (
        forbidden("add_to_administrators_extension", "ALTER EXTENSION plpgsql ADD FUNCTION public.capy_{token}()",
                  prepare=("CREATE FUNCTION public.capy_{token}() RETURNS int LANGUAGE sql AS 'SELECT 1'",),
                  held_by=_NOT_OWNER, source="CVE-2022-2625; PostgreSQL manual, ALTER EXTENSION"),
        forbidden("update_administrators_extension", "ALTER EXTENSION plpgsql UPDATE", held_by=_NOT_OWNER,
                  source="PostgreSQL manual, ALTER EXTENSION"),
        forbidden("move_administrators_extension", "ALTER EXTENSION plpgsql SET SCHEMA public", held_by=_NOT_OWNER,
                  source="PostgreSQL manual, ALTER EXTENSION"),
        forbidden("drop_administrators_extension", "DROP EXTENSION plpgsql CASCADE", held_by=_NOT_OWNER,
                  source="PostgreSQL manual, DROP EXTENSION"),
        forbidden("schema_with_quotes", "CREATE EXTENSION postgis SCHEMA \"capy'$_{token}\"", prepare=(_QUOTED,),
                  held_by="not trusted; PostgreSQL refuses such a schema from 15.4 on", source="CVE-2023-39417",
                  expects=Refusal(frozenset({"42501", "22023", "0A000", "58P01"}))),
        forbidden("object_of_a_script", "CREATE EXTENSION citext SCHEMA public",
                  prepare=("DROP EXTENSION IF EXISTS citext", "CREATE TYPE public.citext AS ENUM ('mine')"),
                  held_by="a script replaces nothing that is not its extension's", source="CVE-2022-2625",
                  expects=sqlstate("42710")),
        forbidden("function_of_an_extension", "CREATE OR REPLACE FUNCTION public.citextin(cstring) RETURNS public.citext"
                  " LANGUAGE sql AS 'SELECT NULL::public.citext'",
                  prepare=("DROP EXTENSION IF EXISTS citext", "CREATE EXTENSION citext SCHEMA public"),
                  held_by="a trusted extension's functions are the bootstrap superuser's", source="CVE-2022-2625"),
        forbidden("own_function_of_an_extension", "ALTER FUNCTION public.citextin(cstring) OWNER TO {owner}",
                  prepare=("DROP EXTENSION IF EXISTS citext", "CREATE EXTENSION citext SCHEMA public"),
                  held_by="a trusted extension's functions are the bootstrap superuser's", source="CVE-2022-2625"),
        forbidden("definer_function_of_an_extension", "ALTER FUNCTION public.citextin(cstring) SECURITY DEFINER",
                  prepare=("DROP EXTENSION IF EXISTS citext", "CREATE EXTENSION citext SCHEMA public"),
                  held_by="a trusted extension's functions are the bootstrap superuser's", source="CVE-2022-2625"),
        forbidden("extension_with_injected_version", "CREATE EXTENSION citext VERSION '../../../../tmp/evil'",
                  prepare=("DROP EXTENSION IF EXISTS citext",),
                  held_by="names and versions with a directory are refused", source="PostgreSQL manual, CREATE EXTENSION",
                  expects=sqlstate("22023")),
        forbidden("extension_with_injected_name", 'CREATE EXTENSION "../../../../tmp/evil"',
                  held_by="names and versions with a directory are refused", source="PostgreSQL manual, CREATE EXTENSION",
                  expects=Either((sqlstate("22023"), sqlstate("0A000", "58P01")))),
        forbidden("extension_control_path", "SET extension_control_path = '/tmp'", held_by="a superuser's parameter",
                  source="PostgreSQL 18 release notes", since=18),
        harmless("no_untrusted_language", (), shows="SELECT count(*) FROM pg_language WHERE NOT lanpltrusted"
                 " AND lanname NOT IN ('internal', 'c') AND has_language_privilege(session_user, oid, 'USAGE')",
                 answer="0", held_by="not in the catalogue", source="facts §7"),
    ),
)  # fmt: skip
