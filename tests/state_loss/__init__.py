"""Losing the state file, or the ledger, with everything real."""
