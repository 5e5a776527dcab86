"""One whole run: canaries made, everything tried, canaries removed."""

import secrets
from collections.abc import AsyncGenerator, Iterable

import psycopg

from capyd.attack.attempt import Category, Outcome
from capyd.attack.canaries import canaries
from capyd.attack.catalogue import CATALOGUE
from capyd.attack.daemon import Daemon
from capyd.attack.errors import AttackError
from capyd.attack.field import survey
from capyd.attack.suite import attack
from capyd.client.channel import Channel


async def attack_cluster(
    channel: Channel, target: str, categories: Iterable[Category] = CATALOGUE
) -> AsyncGenerator[Outcome, None]:
    """Attack the cluster of the daemon at `target`, whose admin socket `channel` leads to.

    Close it with `aclosing`: the canaries go with it.

    Raises:
        AttackError: another run is at it, or a canary cannot log in.
        CallError, grpc.aio.AioRpcError: the daemon refuses, or a canary could not be made or removed.
    """
    daemon = Daemon(channel, target)
    async with canaries(channel, daemon) as pair:
        try:
            field = await survey(pair.attacker, pair.victim, daemon, token=secrets.token_hex(6))
        except psycopg.Error as error:
            raise AttackError(f"a canary cannot log in: {error}") from error
        async for outcome in attack(field, categories):
            yield outcome
