"""Pure values and rules: names, plans, states, scopes, errors. No I/O, no asyncio."""
