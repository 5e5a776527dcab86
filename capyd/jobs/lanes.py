"""How many of the slow kinds of DDL run at once on the cluster. Claims wait for none of them."""

import asyncio


class Lanes:
    """Builds go two at a time, which is where CREATE DATABASE is fastest; drops one at a time, since each is a
    checkpoint. Figures: `docs/postgres.md`.
    """

    def __init__(self) -> None:
        self.builds = asyncio.Semaphore(2)
        self.drops = asyncio.Semaphore(1)
