"""The catalogue: which extensions a project may have.

An allow-list on purpose. What is not in it either reaches outside the database (file_fdw, dblink to local
sockets), runs code of the tenant's as the server (plpython3u), or reads other tenants' pages (pageinspect).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One extension that may be enabled where the cluster carries it."""

    name: str
    category: str
    requires_restart: bool = False
    """It works only with a library that the server loads at its start."""


CATALOGUE = {
    entry.name: entry
    for entry in (
        CatalogueEntry("pgcrypto", "cryptography"),
        CatalogueEntry("uuid-ossp", "identifiers"),
        CatalogueEntry("citext", "types"),
        CatalogueEntry("hstore", "types"),
        CatalogueEntry("pg_trgm", "search"),
        CatalogueEntry("vector", "search"),
        CatalogueEntry("unaccent", "search"),
        CatalogueEntry("ltree", "types"),
        CatalogueEntry("fuzzystrmatch", "search"),
        CatalogueEntry("btree_gin", "indexes"),
        CatalogueEntry("btree_gist", "indexes"),
        CatalogueEntry("pg_stat_statements", "monitoring", requires_restart=True),
        CatalogueEntry("postgis", "geospatial"),
    )
}

DEFAULT_EXTENSIONS = ("vector", "pgcrypto", "uuid-ossp", "pg_trgm")
"""What a new project starts with, where the cluster carries it."""
