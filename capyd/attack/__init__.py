"""The attack suite: one tenant tries every way known to reach another one, or the host.

It is a client like any tenant's, with sessions of its own, and knows nothing of how the daemon does things. Each
attempt is a row (`attempt.Attempt`) with the refusal that is expected of it.
"""
