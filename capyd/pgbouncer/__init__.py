"""Everything said to PgBouncer: its configuration files and its admin console."""
