"""The platform's role, and statements about a tenant's roles that more than one operation needs."""

PLATFORM_ROLE = "capyd_platform"
"""NOLOGIN; owns the ledger and every tenant's database. A database's owner could lift every limit on it."""
