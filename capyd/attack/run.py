"""One whole run: canaries made, everything tried, canaries removed."""

import secrets
from collections.abc import AsyncIterator, Iterable

from capyd.attack.attempt import Category, Outcome
from capyd.attack.canaries import canaries
from capyd.attack.catalogue import CATALOGUE
from capyd.attack.daemon import Daemon
from capyd.attack.field import survey
from capyd.attack.suite import attack
from capyd.client.channel import Channel


async def attack_cluster(
    channel: Channel, target: str, categories: Iterable[Category] = CATALOGUE
) -> AsyncIterator[Outcome]:
    """Attack the cluster of the daemon at `target`, whose admin socket `channel` leads to.

    Close it with `aclosing`: the canaries go with it.

    Raises:
        UnderWayError: another run is at it.
        CallError, grpc.aio.AioRpcError: the daemon refuses, or a canary could not be made or removed.
        psycopg.Error: a canary cannot log in.
    """
    daemon = Daemon(channel, target)
    async with canaries(channel, daemon) as pair:
        field = await survey(pair.attacker, pair.victim, daemon, token=secrets.token_hex(6))
        async for outcome in attack(field, categories):
            yield outcome
