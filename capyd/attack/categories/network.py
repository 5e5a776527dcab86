"""Connections out of the server, and streams of its changes: foreign servers, replication, subscriptions."""

from capyd.attack.attempt import Attempt, Category
from capyd.attack.expectation import Refusal, sqlstate
from capyd.attack.sql import forbidden, harmless

_NOT_TRUSTED = "not a trusted extension: a superuser's alone, and not in the catalogue"
_REFUSED_OR_ABSENT = Refusal(frozenset({"42501", "0A000", "58P01"}))
"""Refused, or not even among the server's files."""
_UNTRUSTED = (
    "dblink", "postgres_fdw", "file_fdw", "adminpack", "pageinspect", "pg_buffercache", "pg_surgery", "pg_walinspect",
    "pg_visibility", "pg_freespacemap", "pgrowlocks", "pgstattuple", "amcheck", "xml2", "sslinfo", "pg_prewarm",
    "pg_cron", "pg_net", "http", "pg_logicalinspect",
)  # fmt: skip
_REPLICATION = "NOREPLICATION"


def _untrusted(extension: str) -> Attempt:
    return forbidden(
        f"extension_{extension}",
        f"CREATE EXTENSION {extension}",
        held_by=_NOT_TRUSTED,
        source="facts §7",
        expects=_REFUSED_OR_ABSENT,
    )


NETWORK = Category(
    "network and replication",
    "connections out of the server, and streams of its changes",
    (
        *(_untrusted(extension) for extension in _UNTRUSTED),
        forbidden("extension_pg_stat_statements", "CREATE EXTENSION pg_stat_statements", held_by=_NOT_TRUSTED,
                  source="facts §7", expects=_REFUSED_OR_ABSENT),
        forbidden("foreign_data_wrapper", "CREATE FOREIGN DATA WRAPPER capy_{token}", held_by="not a superuser",
                  source="facts §7"),
        forbidden("foreign_server", "CREATE SERVER capy_{token} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/run')",
                  held_by="there is no foreign data wrapper", source="facts §7", expects=sqlstate("42704", "42501")),
        forbidden("user_mapping", "CREATE USER MAPPING FOR {victim} SERVER capy_{token}", held_by="there is no server",
                  source="CVE-2017-7486", expects=sqlstate("42704", "42501")),
        forbidden("subscription", "CREATE SUBSCRIPTION capy_{token} CONNECTION 'host=/run dbname={victim}' PUBLICATION p"
                  " WITH (connect = false)", held_by="not a superuser, no pg_create_subscription",
                  source="facts §2; CVE-2026-6638"),
        forbidden("publish_all_tables", "CREATE PUBLICATION capy_{token} FOR ALL TABLES", held_by="not a superuser",
                  source="facts §2"),
        harmless("publish_own_table", ("CREATE TABLE capy_t_{token} (id int)",
                                       "CREATE PUBLICATION capy_{token} FOR TABLE capy_t_{token}"),
                 shows="SELECT count(*) FROM pg_publication", answer="1", held_by="nobody can subscribe without a slot",
                 source="facts §0"),
        forbidden("logical_slot", "SELECT pg_create_logical_replication_slot('capy_{token}', 'test_decoding')",
                  held_by=_REPLICATION, source="facts §2"),
        forbidden("temporary_slot", "SELECT pg_create_logical_replication_slot('capy_{token}', 'pgoutput', true)",
                  held_by=_REPLICATION, source="facts §2"),
        forbidden("physical_slot", "SELECT pg_create_physical_replication_slot('capy_{token}')", held_by=_REPLICATION,
                  source="facts §2"),
        forbidden("drop_slot", "SELECT pg_drop_replication_slot('capy_{token}')", held_by=_REPLICATION, source="facts §2"),
        forbidden("read_slot", "SELECT pg_logical_slot_get_changes('capy_{token}', NULL, NULL)", held_by=_REPLICATION,
                  source="facts §2"),
        forbidden("advance_slot", "SELECT pg_replication_slot_advance('capy_{token}', '0/1')", held_by=_REPLICATION,
                  source="facts §2"),
        forbidden("replication_origin", "SELECT pg_replication_origin_create('capy_{token}')",
                  held_by="EXECUTE is a superuser's", source="PostgreSQL manual, Replication Progress Tracking"),
    ),
)  # fmt: skip
