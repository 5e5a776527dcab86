"""The table of timed duties."""
