"""The daemon's own state, in one SQLite file. Each module but `database` and `migrations` knows one table."""
