"""Issuers of sessions: their keys, fetched and kept, and the signatures of their tokens."""
