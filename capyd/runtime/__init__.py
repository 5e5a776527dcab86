"""The floor under everything: clock, logs, watched tasks, settings files. Knows nothing of Postgres or projects."""
